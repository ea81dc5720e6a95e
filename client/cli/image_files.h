// Image files that are named on the command line.
#ifndef SNAPVIT_CLIENT_CLI_IMAGE_FILES_H_
#define SNAPVIT_CLIENT_CLI_IMAGE_FILES_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace snapvit::cli {

struct ImageFile {
  std::string path;                   // as given
  absl::StatusOr<std::string> bytes;  // NOT_FOUND and so on: an error of this image alone
};

// A folder stands for all JPEG, PNG and WebP files in it and below, sorted; anything else for
// itself, whether it is there or not. NOT_FOUND if a folder has none.
absl::StatusOr<std::vector<std::string>> ListImages(std::span<const std::string> arguments);

// Reads every file; failures are kept in their place.
std::vector<ImageFile> ReadImages(std::span<const std::string> paths);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_IMAGE_FILES_H_
