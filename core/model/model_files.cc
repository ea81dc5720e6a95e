#include "core/model/model_files.h"

#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

namespace fs = std::filesystem;

constexpr char kRemedy[] =
    "; a model is a folder with config.json and model.safetensors, as downloaded from the timm hub";

absl::StatusOr<std::string> RequiredFile(const fs::path& folder, const char* name) {
  const fs::path path = folder / name;
  std::error_code error;
  if (fs::is_regular_file(path, error)) return path.string();
  // The file that timm wrote before safetensors: name the way out.
  const bool pickle = fs::exists(folder / "pytorch_model.bin", error);
  return absl::NotFoundError(absl::StrCat(
      "no ", name, " in ", folder.string(),
      pickle
          ? "; it has a pytorch_model.bin, which is not read: save the model again as safetensors"
          : kRemedy));
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
  ASSIGN_OR_RETURN(files.config, RequiredFile(path, "config.json"));
  ASSIGN_OR_RETURN(files.weights, RequiredFile(path, "model.safetensors"));
  return files;
}

}  // namespace snapvit
