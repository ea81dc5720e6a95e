// ReadHfConfig: the config.json of a Hugging Face transformers model and the tensors beside it.
#ifndef SNAPVIT_CORE_MODEL_HF_CONFIG_H_
#define SNAPVIT_CORE_MODEL_HF_CONFIG_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/preprocessing.h"
#include "core/model/checkpoint.h"
#include "core/model/checkpoint_config.h"

namespace snapvit {

// What preparing an image has to know of the model: whose it is, and image_size.
struct HfInput {
  std::string model_type;
  int height = 0;  // pixels
  int width = 0;
};

// INVALID_ARGUMENT as ReadHfConfig.
absl::StatusOr<HfInput> ReadHfInput(std::string_view text, const std::string& path);

// `text` is config.json's content and `path` where it is from, `index` the tensors beside it. A
// model of image and text is read as its vision tower. Fields that are left out have the values of
// the configuration's class; every field is read, checked or known to be harmless.
//
// Images are prepared as `preprocessing` says. If its size is not the config's image_size, position
// embeddings are resampled to it as the family's interpolate_pos_encoding does; size 0: image_size.
// INVALID_ARGUMENT names the file, the field or tensor, its value, and what was expected.
absl::StatusOr<CheckpointConfig> ReadHfConfig(std::string_view text, const CheckpointIndex& index,
                                              const std::string& path,
                                              const Preprocessing& preprocessing);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_HF_CONFIG_H_
