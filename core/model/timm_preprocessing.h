// TimmPreprocessing: the preprocessing fields of timm's pretrained_cfg, before the input size is
// known.
#ifndef SNAPVIT_CORE_MODEL_TIMM_PREPROCESSING_H_
#define SNAPVIT_CORE_MODEL_TIMM_PREPROCESSING_H_

#include <array>

#include "absl/status/statusor.h"
#include "core/image/preprocessing.h"
#include "core/model/json_fields.h"

namespace snapvit {

// timm's crop modes: kCenter scales the image so that it covers floor(size / crop_pct) and cuts the
// middle; kSquash scales both edges to that and cuts the middle; kBorder scales the image to fit
// into that and pads with the mean colour.
enum class TimmCropMode { kCenter, kSquash, kBorder };

struct TimmPreprocessing {
  Interpolation interpolation = Interpolation::kBicubic;
  TimmCropMode crop_mode = TimmCropMode::kCenter;
  double crop_pct = 0.875;  // above 1 the input is larger than the scaled image
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> std = {0.229, 0.224, 0.225};

  // timm's create_transform(is_training=False) for a model of this input size.
  Preprocessing For(int height, int width) const;
};

// Reads `cfg`; what is not given has timm's defaults (resolve_data_config), which are those above.
// INVALID_ARGUMENT names the field, its value and what is supported. test_input_size and
// test_crop_pct are ignored, as they are by timm unless asked for: a model is served as it was
// trained.
absl::StatusOr<TimmPreprocessing> ReadTimmPreprocessing(const JsonFields& cfg);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TIMM_PREPROCESSING_H_
