// Random crops of an image as model inputs: the views of the self-supervised loss.
#ifndef SNAPVIT_CORE_SNAPVIT_CROPS_H_
#define SNAPVIT_CORE_SNAPVIT_CROPS_H_

#include <span>

#include "core/base/random.h"
#include "core/image/image.h"
#include "core/image/preprocessing.h"

namespace snapvit {

// RandomResizedCrop (Szegedy et al. 2015; torchvision's rule: ten tries, then the largest centre
// crop of an allowed aspect ratio): an area share uniform in [min_area, max_area], an aspect ratio
// log-uniform in [3/4, 4/3].
struct CropRange {
  double min_area = 0.25;
  double max_area = 1.0;
};

// DINO's ranges: global views see most of the image, local ones a detail, both resized to the
// model's full input.
inline constexpr CropRange kGlobalCrop{0.25, 1.0};
inline constexpr CropRange kLocalCrop{0.05, 0.25};

struct CropBox {
  int x = 0;  // pixels
  int y = 0;
  int width = 0;
  int height = 0;
};

CropBox RandomCropBox(int width, int height, const CropRange& range, Random& random);

// The box, resized to the model's input (bilinear, antialiased) and normalised by the model's own
// mean and std, as [3, H, W] f32 into `out`. REQUIRES: the box lies inside the image.
void CropToInput(const Image& image, const CropBox& box, const Preprocessing& preprocessing,
                 std::span<float> out);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_CROPS_H_
