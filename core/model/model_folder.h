// ModelFolder: a model as it was downloaded, ready for use: configuration, preprocessing, labels
// and weights.
#ifndef SNAPVIT_CORE_MODEL_MODEL_FOLDER_H_
#define SNAPVIT_CORE_MODEL_MODEL_FOLDER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/image/preprocessing.h"
#include "core/model/safetensors.h"
#include "core/model/vit_config.h"
#include "core/model/vit_weights.h"

namespace snapvit {

struct ModelFolder {
  std::string name;  // the folder's own name
  VitConfig config;
  Preprocessing preprocessing;
  std::vector<std::string> labels;  // config.num_classes of them, or none
  // Views of the mapped files in their own dtype, read-only: writing to them crashes. A mapping is
  // released when the last of them, and `files`, are gone. Owning copies are what ReadWeights puts
  // together, and everything, as f32, if the tensors mix dtypes.
  VitWeights weights;
  std::vector<std::shared_ptr<const SafetensorsFile>> files;  // one, or all shards
};

// Loads a folder of timm's hub (config.json, model.safetensors) or of Hugging Face transformers
// (preprocessor_config.json besides, perhaps in shards). NOT_FOUND if the folder or a file is
// missing; INVALID_ARGUMENT for anything in them that is wrong or not supported (see
// ReadCheckpointConfig, ParseSafetensors); RESOURCE_EXHAUSTED without memory. Reads little more
// than the files' headers: pages come in as they are used. Call outside c10::InferenceMode, or the
// weights cannot enter a graph.
absl::StatusOr<ModelFolder> LoadModelFolder(const std::string& folder);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_MODEL_FOLDER_H_
