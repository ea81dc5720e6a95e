// Image files on disk, for calibration and evaluation.
#ifndef SNAPVIT_CORE_SNAPVIT_IMAGE_FILE_H_
#define SNAPVIT_CORE_SNAPVIT_IMAGE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/image/decode.h"
#include "core/image/image.h"

namespace snapvit {

// Reads and decodes; messages name the file.
absl::StatusOr<Image> ReadImageFile(const std::string& path, const DecodeOptions& options);

// All .jpg, .jpeg, .png and .webp files under `folder`, found recursively, sorted by path.
// NOT_FOUND if the folder cannot be listed.
absl::StatusOr<std::vector<std::string>> ListImageFiles(const std::string& folder);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_IMAGE_FILE_H_
