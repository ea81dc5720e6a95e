#include "client/cli/output_file.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace snapvit::cli {

absl::Status CheckOutputFile(const char* flag, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": ", path, " is a folder, expected the name of a file"));
  }
  const fs::path parent = fs::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (!fs::is_directory(folder, ignored)) {
    return absl::NotFoundError(
        absl::StrCat(flag, ": cannot write ", path, ": there is no folder ", folder));
  }
  // The file is replaced by a new one, so that the folder is what counts.
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(flag, ": cannot write into ", folder));
  }
  return absl::OkStatus();
}

}  // namespace snapvit::cli
