// Reads how Hugging Face transformers prepares an image for a model: preprocessor_config.json, or
// the image_processor part of a processor_config.json.
#ifndef SNAPVIT_CORE_MODEL_HF_PREPROCESSOR_H_
#define SNAPVIT_CORE_MODEL_HF_PREPROCESSOR_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/preprocessing.h"

namespace snapvit {

// What config.json says of the model.
struct HfPreprocessedModel {
  std::string_view model_type;  // names the processor where the file does not
  ImageSize input;              // the input where the file neither scales nor cuts
};

// `text` is the content of the file at `path`. What it does not give has the defaults of the
// processor's class in transformers 5.23. Old files (sizes as one number, feature_extractor_type)
// and the names with Fast or Pil are read, too. Images are scaled as by transformers' Pillow
// backend; DINOv3's processor has none, and scales floats as torchvision does.
//
// INVALID_ARGUMENT names path, field, value and what is supported. A field that is neither read nor
// known to be without effect is an error.
absl::StatusOr<Preprocessing> ReadHfPreprocessor(std::string_view text, const std::string& path,
                                                 const HfPreprocessedModel& model);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_HF_PREPROCESSOR_H_
