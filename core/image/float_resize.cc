#include "core/image/float_resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/image/resample_filter.h"

namespace snapvit {
namespace {

// The weights of one output sample along an axis.
struct Taps {
  int first;
  std::vector<float> weights;
};

// The samples [begin, begin + size) of an axis from `in` to `out` samples. Scale and centres are
// float32, as in torchvision: on an axis of 4000 pixels that moves a centre by up to 1e-4 pixels.
std::vector<Taps> MakeTaps(int in, int64_t out, int64_t begin, int size,
                           Interpolation interpolation) {
  const ResampleFilter filter = GetResampleFilter(interpolation);
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  const float filter_scale = std::max(scale, 1.0F);
  const float inverse_filter_scale = 1.0F / filter_scale;
  const float support = static_cast<float>(filter.support) * filter_scale;
  std::vector<Taps> all;
  all.reserve(static_cast<size_t>(size));
  for (int i = 0; i < size; ++i) {
    const auto center = static_cast<float>(scale * (static_cast<double>(begin + i) + 0.5));
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), in);
    Taps taps{first, {}};
    float sum = 0;
    for (int k = first; k < end; ++k) {
      const double x = (static_cast<float>(k) - center + 0.5) * inverse_filter_scale;
      taps.weights.push_back(static_cast<float>(filter.value(x)));
      sum += taps.weights.back();
    }
    for (float& weight : taps.weights) weight /= sum;
    all.push_back(std::move(taps));
  }
  return all;
}

// One row of sums over rows of bytes, `stride` bytes apart.
void SumRows(const uint8_t* rows, size_t stride, const Taps& taps, std::vector<float>& out) {
  std::fill(out.begin(), out.end(), 0.0F);
  for (const float weight : taps.weights) {
    for (size_t b = 0; b < out.size(); ++b) out[b] += weight * static_cast<float>(rows[b]);
    rows += stride;
  }
}

// `row` starts at the pixel `begin`.
void SumColumns(const std::vector<float>& row, int begin, const std::vector<Taps>& columns,
                float* out) {
  for (const Taps& taps : columns) {
    const float* pixel = &row[3 * static_cast<size_t>(taps.first - begin)];
    float red = 0, green = 0, blue = 0;
    for (const float weight : taps.weights) {
      red += weight * pixel[0];
      green += weight * pixel[1];
      blue += weight * pixel[2];
      pixel += 3;
    }
    *out++ = red;
    *out++ = green;
    *out++ = blue;
  }
}

}  // namespace

std::vector<float> FloatResizeWindow(const Image& image, int64_t width, int64_t height,
                                     const Box& window, Interpolation interpolation) {
  const std::vector<Taps> columns =
      MakeTaps(image.width, width, window.x, window.width, interpolation);
  const std::vector<Taps> rows =
      MakeTaps(image.height, height, window.y, window.height, interpolation);
  const int begin = columns.front().first;
  const int end = columns.back().first + static_cast<int>(columns.back().weights.size());
  const size_t stride = size_t{3} * static_cast<size_t>(image.width);
  const size_t out_stride = size_t{3} * static_cast<size_t>(window.width);
  std::vector<float> row(size_t{3} * static_cast<size_t>(end - begin));
  std::vector<float> out(out_stride * static_cast<size_t>(window.height));
  float* next = out.data();
  for (const Taps& taps : rows) {
    const uint8_t* bytes = image.rgb.data() + stride * static_cast<size_t>(taps.first) +
                           size_t{3} * static_cast<size_t>(begin);
    SumRows(bytes, stride, taps, row);
    SumColumns(row, begin, columns, next);
    next += out_stride;
  }
  return out;
}

}  // namespace snapvit
