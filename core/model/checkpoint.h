// Checkpoint: the tensors of a model folder as one set, whether they lie in one safetensors file or
// in several shards.
#ifndef SNAPVIT_CORE_MODEL_CHECKPOINT_H_
#define SNAPVIT_CORE_MODEL_CHECKPOINT_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/model_files.h"
#include "core/model/safetensors.h"

namespace snapvit {

// Which tensors there are, without their bytes. An ordinary map, so iteration is by name.
struct CheckpointIndex {
  struct Tensor {
    TensorDtype dtype = TensorDtype::kF32;
    TensorShape shape;
    size_t file = 0;  // the one of `files` that holds it
  };

  std::string path;  // of the whole, for messages: the file, or the index of the shards
  std::vector<std::string> files;  // paths
  std::map<std::string, Tensor> tensors;

  bool Contains(const std::string& name) const { return tensors.contains(name); }
  // The path of the file that holds the tensor, or should hold it.
  const std::string& PathOf(const std::string& name) const;
};

struct Checkpoint {
  CheckpointIndex index;
  std::vector<std::shared_ptr<const SafetensorsFile>> files;  // as index.files

  // The file that holds a tensor of the index. REQUIRES: index.Contains(name).
  const std::shared_ptr<const SafetensorsFile>& FileOf(const std::string& name) const;
};

// Maps the weights of a model folder. Of shards, each tensor must lie in the file that
// model.safetensors.index.json names, and nowhere else. NOT_FOUND or INVALID_ARGUMENT names the
// file and the tensor.
absl::StatusOr<Checkpoint> OpenCheckpoint(const ModelFiles& files);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_CHECKPOINT_H_
