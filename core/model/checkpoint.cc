#include "core/model/checkpoint.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

std::string Quoted(const std::string& tensor) {
  return absl::StrCat("\"", absl::CHexEscape(tensor.substr(0, 200)), "\"");
}

// A tensor of a shard must be where the index of the shards says.
absl::Status CheckPlace(const ModelFiles& files, const std::string& tensor, size_t shard) {
  const auto place = files.shard_of.find(tensor);
  if (place == files.shard_of.end()) {
    return absl::InvalidArgumentError(absl::StrCat(files.weights[shard], ": tensor ",
                                                   Quoted(tensor), " is not listed in ",
                                                   files.weights_index));
  }
  if (place->second != shard) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.weights[shard], ": tensor ", Quoted(tensor), " belongs into ",
                     files.weights[place->second], " by ", files.weights_index));
  }
  return absl::OkStatus();
}

}  // namespace

const std::string& CheckpointIndex::PathOf(const std::string& name) const {
  const auto found = tensors.find(name);
  return found == tensors.end() ? path : files[found->second.file];
}

const std::shared_ptr<const SafetensorsFile>& Checkpoint::FileOf(const std::string& name) const {
  return files[index.tensors.at(name).file];
}

absl::StatusOr<Checkpoint> OpenCheckpoint(const ModelFiles& files) {
  Checkpoint checkpoint;
  CheckpointIndex& index = checkpoint.index;
  const bool sharded = !files.weights_index.empty();
  index.path = sharded ? files.weights_index : files.weights[0];
  index.files = files.weights;
  for (size_t i = 0; i < files.weights.size(); ++i) {
    ASSIGN_OR_RETURN(std::shared_ptr<const SafetensorsFile> file,
                     SafetensorsFile::Open(files.weights[i]));
    for (const auto& [name, entry] : file->index().tensors) {
      if (sharded) RETURN_IF_ERROR(CheckPlace(files, name, i));
      index.tensors[name] = {.dtype = entry.dtype, .shape = entry.shape, .file = i};
    }
    checkpoint.files.push_back(std::move(file));
  }
  for (const auto& [name, shard] : files.shard_of) {
    if (index.Contains(name)) continue;
    return absl::InvalidArgumentError(absl::StrCat(files.weights[shard], ": tensor ", Quoted(name),
                                                   " is missing; ", files.weights_index,
                                                   " says that it is there"));
  }
  return checkpoint;
}

}  // namespace snapvit
