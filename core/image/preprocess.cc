#include "core/image/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/image/normalize.h"
#include "core/image/resize.h"

namespace snapvit {
namespace {

constexpr int kMaxSide = 16384;
constexpr double kMinCropPct = 0.01;

struct Size {
  int64_t width;
  int64_t height;
};

// Python's round(): half to even.
int64_t RoundHalfToEven(double x) { return static_cast<int64_t>(std::nearbyint(x)); }

// torchvision's Resize with one number: the shorter edge becomes `edge`, the longer int(edge * long
// / short).
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
  const Size target = {
      static_cast<int64_t>(std::floor(preprocessing.width / preprocessing.crop_pct)),
      static_cast<int64_t>(std::floor(preprocessing.height / preprocessing.crop_pct))};
  const double ratio_x = static_cast<double>(image.width) / static_cast<double>(target.width);
  const double ratio_y = static_cast<double>(image.height) / static_cast<double>(target.height);
  switch (preprocessing.crop_mode) {
    case CropMode::kSquash:
      return target;
    case CropMode::kBorder:
      return ScaleBothEdges(image, std::max(ratio_x, ratio_y));
    case CropMode::kCenter:
      break;
  }
  if (target.width == target.height) return ScaleShorterEdge(image, target.width);
  return ScaleBothEdges(image, std::min(ratio_x, ratio_y));
}

// Along one axis: the part of the resized image that is kept, and where it lies in the output.
struct Placement {
  int64_t from;
  int to;
  int size;
};

// torchvision's center_crop: pads in front by the smaller half, or cuts at int(round((size - crop)
// / 2.0)).
Placement CenterAxis(int64_t size, int crop) {
  if (size < crop) return {0, static_cast<int>((crop - size) / 2), static_cast<int>(size)};
  return {RoundHalfToEven(static_cast<double>(size - crop) / 2.0), 0, crop};
}

std::array<uint8_t, 3> FillColour(const Preprocessing& preprocessing) {
  if (preprocessing.crop_mode != CropMode::kBorder) return {0, 0, 0};
  std::array<uint8_t, 3> colour;
  for (int c = 0; c < 3; ++c) {
    const int64_t value = RoundHalfToEven(255.0 * static_cast<double>(preprocessing.mean[c]));
    colour[c] = static_cast<uint8_t>(std::clamp(value, int64_t{0}, int64_t{255}));
  }
  return colour;
}

// `part` on a canvas of the fill colour.
Image Pad(const Image& part, int x, int y, const Preprocessing& preprocessing) {
  const std::array<uint8_t, 3> fill = FillColour(preprocessing);
  Image canvas;
  canvas.width = preprocessing.width;
  canvas.height = preprocessing.height;
  canvas.rgb.resize(size_t{3} * static_cast<size_t>(canvas.width) *
                    static_cast<size_t>(canvas.height));
  for (size_t i = 0; i < canvas.rgb.size(); ++i) canvas.rgb[i] = fill[i % 3];
  const size_t row_bytes = size_t{3} * static_cast<size_t>(part.width);
  for (int row = 0; row < part.height; ++row) {
    const size_t at =
        static_cast<size_t>(y + row) * static_cast<size_t>(canvas.width) + static_cast<size_t>(x);
    std::memcpy(&canvas.rgb[at * 3], &part.rgb[row_bytes * static_cast<size_t>(row)], row_bytes);
  }
  return canvas;
}

}  // namespace

absl::Status ValidatePreprocessing(const Preprocessing& preprocessing) {
  for (const int side : {preprocessing.height, preprocessing.width}) {
    if (side < 1 || side > kMaxSide) {
      return absl::InvalidArgumentError(absl::StrCat("input size is ", preprocessing.width, " x ",
                                                     preprocessing.height,
                                                     "; expected sides of 1 to ", kMaxSide));
    }
  }
  if (!(preprocessing.crop_pct >= kMinCropPct && preprocessing.crop_pct <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("crop_pct is ", preprocessing.crop_pct, "; expected ", kMinCropPct, " to 1"));
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
  const Size size = ResizedSize(image, preprocessing);
  const Placement x = CenterAxis(size.width, preprocessing.width);
  const Placement y = CenterAxis(size.height, preprocessing.height);
  Image part = ResizeWindow(image, size.width, size.height, Box{x.from, y.from, x.size, y.size},
                            preprocessing.interpolation);
  if (part.width == preprocessing.width && part.height == preprocessing.height) return part;
  return Pad(part, x.to, y.to, preprocessing);
}

absl::Status Preprocess(const Image& image, const Preprocessing& preprocessing,
                        std::span<float> out) {
  RETURN_IF_ERROR(ValidatePreprocessing(preprocessing));
  if (image.width < 1 || image.height < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("image is empty: ", image.width, " x ", image.height));
  }
  const size_t expected = size_t{3} * static_cast<size_t>(preprocessing.height) *
                          static_cast<size_t>(preprocessing.width);
  if (out.size() != expected) {
    return absl::InvalidArgumentError(absl::StrCat("output has ", out.size(),
                                                   " floats; expected 3 x ", preprocessing.height,
                                                   " x ", preprocessing.width, " = ", expected));
  }
  Normalize(ResizeAndCrop(image, preprocessing), preprocessing.mean, preprocessing.std, out);
  return absl::OkStatus();
}

}  // namespace snapvit
