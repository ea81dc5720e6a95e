#include "core/model/model_folder.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"
#include "core/model/checkpoint_config.h"
#include "core/model/checkpoint_weights.h"
#include "core/model/model_files.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

// Of the tensors that the model uses: what else lies in a file may have any.
bool HasOneDtype(const CheckpointIndex& index, const TensorMap& tensors) {
  const auto dtype = [&index](const auto& item) {
    return index.tensors.at(item.second.tensor).dtype;
  };
  const auto& sources = tensors.sources();
  return std::all_of(sources.begin(), sources.end(),
                     [&](const auto& item) { return dtype(item) == dtype(*sources.begin()); });
}

}  // namespace

absl::StatusOr<ModelFolder> LoadModelFolder(const std::string& folder) {
  ASSIGN_OR_RETURN(const ModelFiles files, FindModelFiles(folder));
  ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(files));
  ASSIGN_OR_RETURN(CheckpointConfig config, ReadCheckpointConfig(files, checkpoint));
  ModelFolder model;
  ASSIGN_OR_RETURN(model.weights, Guard([&] { return ReadWeights(checkpoint, config); }));
  if (!HasOneDtype(checkpoint.index, config.tensors)) {
    ASSIGN_OR_RETURN(model.weights, ToFloat32(model.weights));
  }
  model.name = files.name;
  model.config = std::move(config.model);
  model.preprocessing = config.preprocessing;
  model.labels = std::move(config.labels);
  model.files = std::move(checkpoint.files);
  return model;
}

}  // namespace snapvit
