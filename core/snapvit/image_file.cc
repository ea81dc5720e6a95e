#include "core/snapvit/image_file.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr size_t kMaxImageBytes = size_t{256} << 20;

bool HasImageExtension(const std::filesystem::path& path) {
  const std::string extension = absl::AsciiStrToLower(path.extension().string());
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp";
}

}  // namespace

absl::StatusOr<Image> ReadImageFile(const std::string& path, const DecodeOptions& options) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kMaxImageBytes));
  absl::StatusOr<Image> image =
      DecodeImage(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), options);
  if (image.ok()) return image;
  return absl::Status(image.status().code(), absl::StrCat(path, ": ", image.status().message()));
}

absl::StatusOr<std::vector<std::string>> ListImageFiles(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error) && HasImageExtension(it->path())) {
      files.push_back(it->path().string());
    }
  }
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot list images in ", folder, ": ", error.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace snapvit
