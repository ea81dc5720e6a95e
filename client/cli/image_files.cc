#include "client/cli/image_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"

namespace snapvit::cli {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 30;

bool IsImageName(const std::filesystem::path& path) {
  const std::string extension = absl::AsciiStrToLower(path.extension().string());
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp";
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  std::error_code error;
  const auto options = fs::directory_options::follow_directory_symlink;
  for (auto entry = fs::recursive_directory_iterator(folder, options, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;  // of a file that is gone again
    if (entry->is_regular_file(ignored) && IsImageName(entry->path())) {
      paths.push_back(entry->path().string());
    }
  }
  if (error) {
    return absl::InternalError(absl::StrCat("cannot list ", folder, ": ", error.message()));
  }
  if (paths.empty()) {
    return absl::NotFoundError(absl::StrCat("no .jpg, .jpeg, .png or .webp files in ", folder));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListImages(std::span<const std::string> arguments) {
  std::vector<std::string> paths;
  for (const std::string& argument : arguments) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(argument, ignored)) {
      paths.push_back(argument);
      continue;
    }
    const absl::StatusOr<std::vector<std::string>> found = ListFolder(argument);
    if (!found.ok()) return found.status();
    paths.insert(paths.end(), found->begin(), found->end());
  }
  return paths;
}

std::vector<ImageFile> ReadImages(std::span<const std::string> paths) {
  std::vector<ImageFile> files;
  files.reserve(paths.size());
  for (const std::string& path : paths) files.push_back({path, ReadFile(path, kMaxFileBytes)});
  return files;
}

}  // namespace snapvit::cli
