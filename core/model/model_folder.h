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
  // Views of the mapped file in its own dtype, read-only: writing to them crashes. The mapping is
  // released when the last of them, and `file`, are gone. Two exceptions are owning copies:
  // everything, as f32, if the file mixes dtypes; and position_embedding if the file has no
  // position for the class token: a zero row is put before the others, which is the same as adding
  // positions to the patches first and the class token after.
  VitWeights weights;
  std::shared_ptr<const SafetensorsFile> file;
};

// Loads a timm hub folder (config.json, model.safetensors). NOT_FOUND if the folder or a file is
// missing; INVALID_ARGUMENT for anything in them that is wrong or not supported (see
// ReadTimmConfig, ParseSafetensors); RESOURCE_EXHAUSTED without memory. Reads little more than the
// file's header: pages come in as they are used. Call outside c10::InferenceMode, or the weights
// cannot enter a graph.
absl::StatusOr<ModelFolder> LoadModelFolder(const std::string& folder);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_MODEL_FOLDER_H_
