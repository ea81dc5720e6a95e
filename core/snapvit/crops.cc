#include "core/snapvit/crops.h"

#include <algorithm>
#include <cmath>

#include "core/image/normalize.h"
#include "core/image/resize.h"

namespace snapvit {
namespace {

constexpr double kNarrowest = 3.0 / 4;
constexpr double kWidest = 4.0 / 3;

// The largest centred box whose aspect ratio is allowed.
CropBox CentreBox(int width, int height) {
  const double ratio = static_cast<double>(width) / height;
  CropBox box{0, 0, width, height};
  if (ratio < kNarrowest)
    box.height = std::max(1, static_cast<int>(std::lround(width / kNarrowest)));
  if (ratio > kWidest) box.width = std::max(1, static_cast<int>(std::lround(height * kWidest)));
  box.x = (width - box.width) / 2;
  box.y = (height - box.height) / 2;
  return box;
}

}  // namespace

CropBox RandomCropBox(int width, int height, const CropRange& range, Random& random) {
  const double area = static_cast<double>(width) * height;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * random.Uniform(range.min_area, range.max_area);
    const double ratio = std::exp(random.Uniform(std::log(kNarrowest), std::log(kWidest)));
    const int w = static_cast<int>(std::lround(std::sqrt(target * ratio)));
    const int h = static_cast<int>(std::lround(std::sqrt(target / ratio)));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return {random.Below(width - w + 1), random.Below(height - h + 1), w, h};
  }
  return CentreBox(width, height);
}

void CropToInput(const Image& image, const CropBox& box, const Preprocessing& preprocessing,
                 std::span<float> out) {
  const Image view = Resize(Crop(image, box.x, box.y, box.width, box.height), preprocessing.width,
                            preprocessing.height, Interpolation::kBilinear);
  Normalize(view, preprocessing, out);
}

}  // namespace snapvit
