#include "core/snapvit/search_checkpoint.h"

#include <cstring>
#include <map>
#include <memory>
#include <span>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/model/safetensors.h"

namespace snapvit {
namespace {

constexpr char kFormat[] = "snapvit-search";
constexpr char kVersion[] = "1";

template <typename T>
void AddVector(Sha256& hash, const std::vector<T>& values) {
  const uint64_t size = values.size();
  hash.Add(&size, sizeof(size));
  hash.Add(values.data(), values.size() * sizeof(T));
}

std::string Checksum(const SearchCheckpoint& checkpoint) {
  Sha256 hash;
  hash.AddField(checkpoint.key);
  hash.AddField(absl::StrCat(checkpoint.gradient_images));
  AddVector(hash, checkpoint.mlp_scores);
  AddVector(hash, checkpoint.head_scores);
  AddVector(hash, checkpoint.fitness);
  AddVector(hash, checkpoint.seconds);
  return hash.HexDigest();
}

template <typename T>
TensorView Row(TensorDtype dtype, const std::vector<T>& values) {
  return {dtype, {static_cast<int64_t>(values.size())}, std::as_bytes(std::span(values))};
}

template <typename T>
absl::Status Read(const SafetensorsFile& file, const char* name, TensorDtype dtype,
                  std::vector<T>& values) {
  ASSIGN_OR_RETURN(const TensorView tensor, file.Tensor(name));
  if (tensor.dtype != dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.path(), " has ", name, " of another type than it should"));
  }
  values.resize(tensor.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return absl::OkStatus();
}

std::string Text(const SafetensorsFile& file, const char* key) {
  const auto it = file.metadata().find(key);
  return it == file.metadata().end() ? "" : it->second;
}

}  // namespace

absl::Status WriteSearchCheckpoint(const SearchCheckpoint& checkpoint, const std::string& path) {
  const std::map<std::string, TensorView> tensors = {
      {"mlp_scores", Row(TensorDtype::kF32, checkpoint.mlp_scores)},
      {"head_scores", Row(TensorDtype::kF32, checkpoint.head_scores)},
      {"fitness", Row(TensorDtype::kF64, checkpoint.fitness)},
      {"seconds", Row(TensorDtype::kF64, checkpoint.seconds)},
  };
  return WriteSafetensors(path, tensors,
                          {{"format", kFormat},
                           {"version", kVersion},
                           {"key", checkpoint.key},
                           {"gradient_images", absl::StrCat(checkpoint.gradient_images)},
                           {"checksum", Checksum(checkpoint)}});
}

absl::StatusOr<SearchCheckpoint> ReadSearchCheckpoint(const std::string& path) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const SafetensorsFile> file, SafetensorsFile::Open(path));
  if (Text(*file, "format") != kFormat || Text(*file, "version") != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no '", kFormat, "' file of version '", kVersion, "'"));
  }
  SearchCheckpoint checkpoint;
  checkpoint.key = Text(*file, "key");
  RETURN_IF_ERROR(Read(*file, "mlp_scores", TensorDtype::kF32, checkpoint.mlp_scores));
  RETURN_IF_ERROR(Read(*file, "head_scores", TensorDtype::kF32, checkpoint.head_scores));
  RETURN_IF_ERROR(Read(*file, "fitness", TensorDtype::kF64, checkpoint.fitness));
  RETURN_IF_ERROR(Read(*file, "seconds", TensorDtype::kF64, checkpoint.seconds));
  if (!absl::SimpleAtoi(Text(*file, "gradient_images"), &checkpoint.gradient_images) ||
      checkpoint.fitness.size() != checkpoint.seconds.size() ||
      Text(*file, "checksum") != Checksum(checkpoint)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is damaged"));
  }
  return checkpoint;
}

}  // namespace snapvit
