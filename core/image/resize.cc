#include "core/image/resize.h"

#include <cstddef>
#include <cstring>

#include "core/image/resample_kernels.h"
#include "core/image/resample_taps.h"

namespace snapvit {
namespace {

// A rectangle inside an image: borrowed pixels.
struct View {
  const uint8_t* data;
  size_t stride;  // bytes from row to row
  int width;
  int height;

  const uint8_t* row(int y) const { return data + stride * static_cast<size_t>(y); }
};

View ViewOf(const Image& image) {
  return {image.rgb.data(), size_t{3} * static_cast<size_t>(image.width), image.width,
          image.height};
}

View Narrow(const View& view, int x, int y, int width, int height) {
  return {view.row(y) + size_t{3} * static_cast<size_t>(x), view.stride, width, height};
}

Image MakeImage(int width, int height) {
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.resize(size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height));
  return image;
}

Image Copy(const View& view) {
  Image out = MakeImage(view.width, view.height);
  const size_t row_bytes = size_t{3} * static_cast<size_t>(view.width);
  for (int y = 0; y < view.height; ++y) {
    std::memcpy(out.rgb.data() + row_bytes * static_cast<size_t>(y), view.row(y), row_bytes);
  }
  return out;
}

Image HorizontalPass(const View& view, const ResampleTaps& taps) {
  Image out = MakeImage(taps.size(), view.height);
  BestResampleKernels().horizontal(view.data, view.stride, view.width, view.height, taps,
                                   out.rgb.data());
  return out;
}

Image VerticalPass(const View& view, const ResampleTaps& taps) {
  Image out = MakeImage(view.width, taps.size());
  const size_t row_bytes = size_t{3} * static_cast<size_t>(view.width);
  for (int i = 0; i < taps.size(); ++i) {
    BestResampleKernels().vertical(view.row(taps.first[i]), view.stride, row_bytes,
                                   &taps.weights[taps.stride * static_cast<size_t>(i)],
                                   taps.count[i],
                                   out.rgb.data() + row_bytes * static_cast<size_t>(i));
  }
  return out;
}

// Makes taps of a narrowed input: sample `begin` becomes sample 0.
void ShiftInput(ResampleTaps& taps, int begin) {
  for (int& first : taps.first) first -= begin;
}

// Pillow (since 13) takes the vertical pass first where height shrinks by more than twice what
// width shrinks.
bool IsVerticalFirst(const Image& image, int64_t width, int64_t height) {
  return image.height > height && image.height - height > 2 * (image.width - width);
}

}  // namespace

Image Crop(const Image& image, int x, int y, int width, int height) {
  return Copy(Narrow(ViewOf(image), x, y, width, height));
}

Image Resize(const Image& image, int width, int height, Interpolation interpolation) {
  return ResizeWindow(image, width, height, Box{0, 0, width, height}, interpolation);
}

Image ResizeWindow(const Image& image, int64_t width, int64_t height, const Box& window,
                   Interpolation interpolation) {
  // An axis whose size stays is not filtered: only cut to the window.
  const bool horizontal = width != image.width;
  const bool vertical = height != image.height;
  View view = ViewOf(image);
  if (!horizontal) view = Narrow(view, static_cast<int>(window.x), 0, window.width, view.height);
  if (!vertical) view = Narrow(view, 0, static_cast<int>(window.y), view.width, window.height);
  if (!horizontal && !vertical) return Copy(view);

  ResampleTaps columns, rows;
  if (horizontal) {
    columns = MakeResampleTaps(image.width, width, window.x, window.width, interpolation);
    const int begin = columns.input_begin();
    view = Narrow(view, begin, 0, columns.input_end() - begin, view.height);
    ShiftInput(columns, begin);
  }
  if (vertical) {
    rows = MakeResampleTaps(image.height, height, window.y, window.height, interpolation);
    const int begin = rows.input_begin();
    view = Narrow(view, 0, begin, view.width, rows.input_end() - begin);
    ShiftInput(rows, begin);
  }
  if (!vertical) return HorizontalPass(view, columns);
  if (!horizontal) return VerticalPass(view, rows);
  if (IsVerticalFirst(image, width, height))
    return HorizontalPass(ViewOf(VerticalPass(view, rows)), columns);
  return VerticalPass(ViewOf(HorizontalPass(view, columns)), rows);
}

}  // namespace snapvit
