// Preprocessing: how a decoded image becomes the model's input, as data (read from the checkpoint's
// config).
#ifndef SNAPVIT_CORE_IMAGE_PREPROCESSING_H_
#define SNAPVIT_CORE_IMAGE_PREPROCESSING_H_

#include <array>

namespace snapvit {

// Pillow's resampling filters (its codes 2, 3, 1).
enum class Interpolation { kBilinear, kBicubic, kLanczos };

// timm's crop modes: kCenter resizes the shorter edge to floor(size / crop_pct) and cuts the
// centre; kSquash resizes both edges to floor(size / crop_pct) and cuts the centre; kBorder resizes
// the longer edge and pads the rest.
enum class CropMode { kCenter, kSquash, kBorder };

struct Preprocessing {
  int height = 0;  // of the model's input, pixels
  int width = 0;
  Interpolation interpolation = Interpolation::kBicubic;
  CropMode crop_mode = CropMode::kCenter;
  double crop_pct = 1.0;           // (0, 1]
  std::array<float, 3> mean = {};  // of RGB in [0, 1]
  std::array<float, 3> std = {1, 1, 1};
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_PREPROCESSING_H_
