#include "core/image/preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/image/float_resize.h"
#include "core/image/normalize.h"
#include "core/image/resize.h"

namespace snapvit {
namespace {

constexpr int kMaxSide = 16384;
constexpr int kMaxTarget = 1 << 21;

struct Size {
  int64_t width;
  int64_t height;
};

// Python's round(): half to even.
int64_t RoundHalfToEven(double x) { return static_cast<int64_t>(std::nearbyint(x)); }

ImageSize Target(const Preprocessing& preprocessing) {
  return preprocessing.resize_to.value_or(ImageSize{preprocessing.height, preprocessing.width});
}

// torchvision's Resize with one number, and transformers' shortest_edge: the longer edge becomes
// int(edge * long / short).
Size ScaleShorterEdge(const Image& image, int64_t edge) {
  const int64_t shorter = std::min(image.width, image.height);
  const int64_t longer = std::max(image.width, image.height);
  const auto scaled =
      static_cast<int64_t>(static_cast<double>(edge * longer) / static_cast<double>(shorter));
  return image.width <= image.height ? Size{edge, scaled} : Size{scaled, edge};
}

// timm's ResizeKeepRatio: one ratio for both edges. timm fails where an edge rounds to 0; it stays
// at 1 here.
Size ScaleBothEdges(const Image& image, double ratio) {
  return {std::max(RoundHalfToEven(image.width / ratio), int64_t{1}),
          std::max(RoundHalfToEven(image.height / ratio), int64_t{1})};
}

Size ResizedSize(const Image& image, const Preprocessing& preprocessing) {
  const ImageSize target = Target(preprocessing);
  const double ratio_x = static_cast<double>(image.width) / target.width;
  const double ratio_y = static_cast<double>(image.height) / target.height;
  switch (preprocessing.resize) {
    case ResizeMode::kCover:
      if (target.width == target.height) return ScaleShorterEdge(image, target.width);
      return ScaleBothEdges(image, std::min(ratio_x, ratio_y));
    case ResizeMode::kFit:
      return ScaleBothEdges(image, std::max(ratio_x, ratio_y));
    case ResizeMode::kStretch:
      return {target.width, target.height};
    case ResizeMode::kKeep:
    case ResizeMode::kRequireInputSize:
      break;
  }
  return {image.width, image.height};
}

// Along one axis: the part of the scaled image that is kept, and where it lies in the output.
struct Placement {
  int64_t from;
  int to;
  int size;
};

Placement CenterAxis(int64_t size, int input, Centering centering) {
  if (size < input) {
    const auto padding = static_cast<int>(input - size);
    const bool larger_half_first = centering == Centering::kTransformersPil;
    return {0, (padding + (larger_half_first ? 1 : 0)) / 2, static_cast<int>(size)};
  }
  const int64_t excess = size - input;
  if (centering != Centering::kTimm) return {excess / 2, 0, input};
  return {RoundHalfToEven(static_cast<double>(excess) / 2.0), 0, input};
}

// What is computed of the scaled image, and where it lies in the input.
struct Window {
  Size scaled;
  Box box;  // of the scaled image
  int x;    // of the input
  int y;
};

Window FindWindow(const Image& image, const Preprocessing& preprocessing) {
  const Size scaled = ResizedSize(image, preprocessing);
  const Placement x = CenterAxis(scaled.width, preprocessing.width, preprocessing.centering);
  const Placement y = CenterAxis(scaled.height, preprocessing.height, preprocessing.centering);
  return {scaled, {x.from, y.from, x.size, y.size}, x.to, y.to};
}

// The window's pixels on a canvas of the fill colour.
template <typename Channel>
std::vector<Channel> Pad(std::vector<Channel> part, const Window& window,
                         const Preprocessing& preprocessing) {
  const auto width = static_cast<size_t>(preprocessing.width);
  const auto height = static_cast<size_t>(preprocessing.height);
  std::vector<Channel> canvas(3 * width * height);
  if (part.size() == canvas.size()) return part;
  for (size_t i = 0; i < canvas.size(); ++i) canvas[i] = preprocessing.fill[i % 3];
  const size_t row = size_t{3} * static_cast<size_t>(window.box.width);
  for (size_t y = 0; y < static_cast<size_t>(window.box.height); ++y) {
    const size_t at = (static_cast<size_t>(window.y) + y) * width + static_cast<size_t>(window.x);
    std::copy_n(part.begin() + static_cast<std::ptrdiff_t>(y * row), row,
                canvas.begin() + static_cast<std::ptrdiff_t>(3 * at));
  }
  return canvas;
}

void PreprocessFloat(const Image& image, const Preprocessing& preprocessing, std::span<float> out) {
  const Window window = FindWindow(image, preprocessing);
  const std::vector<float> rgb =
      Pad(FloatResizeWindow(image, window.scaled.width, window.scaled.height, window.box,
                            preprocessing.interpolation),
          window, preprocessing);
  const auto rescale = static_cast<float>(preprocessing.rescale);
  const size_t pixels = out.size() / 3;
  for (size_t c = 0; c < 3; ++c) {
    const float mean = preprocessing.mean[c];
    const float deviation = preprocessing.std[c];
    for (size_t i = 0; i < pixels; ++i) {
      out[c * pixels + i] = (rgb[3 * i + c] * rescale - mean) / deviation;
    }
  }
}

absl::Status CheckSide(const char* what, const ImageSize& size, int limit) {
  for (const int side : {size.height, size.width}) {
    if (side >= 1 && side <= limit) continue;
    return absl::InvalidArgumentError(absl::StrCat(what, " is ", size.width, " x ", size.height,
                                                   "; expected sides of 1 to ", limit));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidatePreprocessing(const Preprocessing& preprocessing) {
  RETURN_IF_ERROR(
      CheckSide("input size", ImageSize{preprocessing.height, preprocessing.width}, kMaxSide));
  RETURN_IF_ERROR(CheckSide("resize target", Target(preprocessing), kMaxTarget));
  if (preprocessing.float_resize && preprocessing.interpolation != Interpolation::kBilinear &&
      preprocessing.interpolation != Interpolation::kBicubic) {
    return absl::InvalidArgumentError("resizing in float32 is bilinear or bicubic only");
  }
  if (!std::isfinite(preprocessing.rescale) || preprocessing.rescale == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("rescale is ", preprocessing.rescale, "; expected a number other than 0"));
  }
  for (int c = 0; c < 3; ++c) {
    if (!std::isfinite(preprocessing.mean[c])) {
      return absl::InvalidArgumentError(
          absl::StrCat("mean[", c, "] is ", preprocessing.mean[c], "; expected a number"));
    }
    if (!std::isfinite(preprocessing.std[c]) || preprocessing.std[c] == 0.0f) {
      return absl::InvalidArgumentError(absl::StrCat("std[", c, "] is ", preprocessing.std[c],
                                                     "; expected a number other than 0"));
    }
  }
  return absl::OkStatus();
}

Image ResizeAndCrop(const Image& image, const Preprocessing& preprocessing) {
  const Window window = FindWindow(image, preprocessing);
  Image part = ResizeWindow(image, window.scaled.width, window.scaled.height, window.box,
                            preprocessing.interpolation);
  return {preprocessing.width, preprocessing.height,
          Pad(std::move(part.rgb), window, preprocessing)};
}

absl::Status Preprocess(const Image& image, const Preprocessing& preprocessing,
                        std::span<float> out) {
  RETURN_IF_ERROR(ValidatePreprocessing(preprocessing));
  if (image.width < 1 || image.height < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("image is empty: ", image.width, " x ", image.height));
  }
  if (preprocessing.resize == ResizeMode::kRequireInputSize &&
      (image.width != preprocessing.width || image.height != preprocessing.height)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "image is ", image.width, " x ", image.height, "; expected ", preprocessing.width, " x ",
        preprocessing.height, ", as the model's preprocessing neither scales nor cuts"));
  }
  const size_t expected = size_t{3} * static_cast<size_t>(preprocessing.height) *
                          static_cast<size_t>(preprocessing.width);
  if (out.size() != expected) {
    return absl::InvalidArgumentError(absl::StrCat("output has ", out.size(),
                                                   " floats; expected 3 x ", preprocessing.height,
                                                   " x ", preprocessing.width, " = ", expected));
  }
  if (preprocessing.float_resize) {
    PreprocessFloat(image, preprocessing, out);
  } else {
    Normalize(ResizeAndCrop(image, preprocessing), preprocessing, out);
  }
  return absl::OkStatus();
}

}  // namespace snapvit
