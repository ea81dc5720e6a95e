// ModelFiles: which files make up a model folder.
#ifndef SNAPVIT_CORE_MODEL_MODEL_FILES_H_
#define SNAPVIT_CORE_MODEL_MODEL_FILES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace snapvit {

struct ModelFiles {
  std::string folder;  // absolute, without links
  std::string name;    // the folder's own name: the model's default name
  std::string config;  // folder/config.json
  // Of Hugging Face: folder/preprocessor_config.json, else processor_config.json; empty without.
  std::string preprocessor;
  std::vector<std::string> weights;  // folder/model.safetensors, or all shards, by name
  // Of a sharded checkpoint: folder/model.safetensors.index.json, and which of `weights` it says
  // each tensor is in. Empty for one file.
  std::string weights_index;
  std::map<std::string, size_t> shard_of;
};

// NOT_FOUND if `folder` or a file in it is missing, naming what is missing and what a model folder
// holds; INVALID_ARGUMENT for an index of shards that cannot be read.
absl::StatusOr<ModelFiles> FindModelFiles(const std::string& folder);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_MODEL_FILES_H_
