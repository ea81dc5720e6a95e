// The image processors of transformers that are supported: one table, with the defaults of each
// class (internal to hf_preprocessor).
#ifndef SNAPVIT_CORE_MODEL_HF_PROCESSOR_CLASSES_H_
#define SNAPVIT_CORE_MODEL_HF_PROCESSOR_CLASSES_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/image/preprocessing.h"

namespace snapvit {

struct HfProcessorClass {
  std::string_view stem;  // of names like ViTImageProcessor and ViTFeatureExtractor
  // Whose processor it is where a file names none.
  std::array<std::string_view, 3> model_types;
  Interpolation resample;
  int size;  // of both edges, or of the shorter one if shortest_edge
  bool shortest_edge;
  std::optional<int> crop_size;  // of both edges; nothing is cut by default without it
  bool number_is_square;         // what one number as "size" means; else it is the shorter edge
  std::array<float, 3> mean;
  std::array<float, 3> std;
  bool float_resize;  // rescales, then scales floats
};

// By the name of a class ("ViTImageProcessor", "…Fast", "…Pil", "ViTFeatureExtractor"); null if not
// supported.
const HfProcessorClass* FindHfProcessorClass(std::string_view name);
// By config.json's model_type; null if not supported.
const HfProcessorClass* FindHfProcessorOfModel(std::string_view model_type);
// For messages.
std::string SupportedHfProcessors();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_HF_PROCESSOR_CLASSES_H_
