// From files to model inputs, on all cores.
#ifndef SNAPVIT_CLIENT_CLI_PREPARED_IMAGES_H_
#define SNAPVIT_CLIENT_CLI_PREPARED_IMAGES_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/image_files.h"
#include "core/image/preprocessing.h"

namespace snapvit::cli {

struct PreparedImage {
  absl::StatusOr<std::vector<float>> pixels = std::vector<float>();  // [3, H, W], normalised
  absl::Duration decode_time;  // decoding, resizing, normalising
};

// One per file, in order. Starts `threads` threads (0: one a core) and joins them.
std::vector<PreparedImage> PrepareImages(std::span<const ImageFile> files,
                                         const Preprocessing& preprocessing, bool apply_exif,
                                         int threads);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_PREPARED_IMAGES_H_
