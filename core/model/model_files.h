// ModelFiles: which files make up a model folder.
#ifndef SNAPVIT_CORE_MODEL_MODEL_FILES_H_
#define SNAPVIT_CORE_MODEL_MODEL_FILES_H_

#include <string>

#include "absl/status/statusor.h"

namespace snapvit {

struct ModelFiles {
  std::string folder;   // absolute, without links
  std::string name;     // the folder's own name: the model's default name
  std::string config;   // folder/config.json
  std::string weights;  // folder/model.safetensors
};

// NOT_FOUND if `folder` or a file in it is missing, naming what is missing and what a model folder
// holds.
absl::StatusOr<ModelFiles> FindModelFiles(const std::string& folder);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_MODEL_FILES_H_
