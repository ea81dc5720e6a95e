#include "core/model/model_files.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "core/model/json_document.h"
#include "core/model/json_fields.h"
#include "core/model/model_limits.h"

namespace snapvit {
namespace {

namespace fs = std::filesystem;

constexpr char kRemedy[] =
    "; a model is a folder with config.json and model.safetensors, as downloaded from the timm hub "
    "or saved by Hugging Face transformers";

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

absl::Status Missing(const fs::path& folder, const std::string& name) {
  // The file that both libraries wrote before safetensors: name the way out.
  const bool pickle = IsFile(folder / "pytorch_model.bin");
  return absl::NotFoundError(absl::StrCat(
      "no ", name, " in ", folder.string(),
      pickle
          ? "; it has a pytorch_model.bin, which is not read: save the model again as safetensors"
          : kRemedy));
}

// A shard lies beside its index: no path leads out of the folder.
bool IsPlainName(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name[0] != '.';
}

// {"weight_map": {tensor: file}}; its "metadata" says nothing that the files don't.
absl::Status ReadShardIndex(const fs::path& folder, ModelFiles& files) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(files.weights_index, kMaxConfigBytes));
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(text, files.weights_index));
  ASSIGN_OR_RETURN(const JsonFields root, JsonFields::Of(json, files.weights_index));
  ASSIGN_OR_RETURN(const std::optional<JsonFields> map, root.Object("weight_map"));
  if (!map || map->json().empty()) return root.Unexpected("weight_map", "{tensor: file}");
  std::map<std::string, size_t> shards;
  for (const auto& item : map->json().items()) {
    ASSIGN_OR_RETURN(const std::optional<std::string> shard, map->String(item.key()));
    if (!shard || !IsPlainName(*shard)) {
      return map->Unexpected(item.key(), "the name of a file in the same folder");
    }
    shards.emplace(*shard, 0);
  }
  for (auto& [name, position] : shards) {
    position = files.weights.size();
    if (!IsFile(folder / name)) {
      return absl::NotFoundError(absl::StrCat(files.weights_index, " names ", name,
                                              ", and there is no ", (folder / name).string()));
    }
    files.weights.push_back((folder / name).string());
  }
  for (const auto& item : map->json().items()) {
    files.shard_of[item.key()] = shards.at(item.value().get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status FindWeights(const fs::path& folder, ModelFiles& files) {
  const fs::path single = folder / "model.safetensors";
  if (IsFile(single)) {
    files.weights = {single.string()};
    return absl::OkStatus();
  }
  const fs::path index = folder / "model.safetensors.index.json";
  if (!IsFile(index)) return Missing(folder, "model.safetensors");
  files.weights_index = index.string();
  return ReadShardIndex(folder, files);
}

}  // namespace

absl::StatusOr<ModelFiles> FindModelFiles(const std::string& folder) {
  std::error_code error;
  const fs::path path = fs::canonical(folder, error);
  if (error || !fs::is_directory(path, error)) {
    return absl::NotFoundError(absl::StrCat("no model folder \"", folder, "\"", kRemedy));
  }
  ModelFiles files;
  files.folder = path.string();
  // The name that the user typed, not that of a link's target: hub caches link to folders named by
  // a hash.
  fs::path typed = fs::absolute(folder, error).lexically_normal();
  if (!typed.has_filename()) typed = typed.parent_path();
  files.name = typed.filename().string();
  files.config = (path / "config.json").string();
  if (!IsFile(files.config)) return Missing(path, "config.json");
  for (const char* name : {"preprocessor_config.json", "processor_config.json"}) {
    if (files.preprocessor.empty() && IsFile(path / name)) {
      files.preprocessor = (path / name).string();
    }
  }
  RETURN_IF_ERROR(FindWeights(path, files));
  return files;
}

}  // namespace snapvit
