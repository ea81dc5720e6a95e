// NumPy's .npy files (format 1.0), little-endian float32.
#ifndef SNAPVIT_CLIENT_CLI_NPY_FILE_H_
#define SNAPVIT_CLIENT_CLI_NPY_FILE_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"

namespace snapvit::cli {

// Writes a C-ordered array atomically. REQUIRES: as many values as the shape says.
absl::Status WriteNpy(const std::string& path, std::span<const int64_t> shape,
                      std::span<const float> values);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_NPY_FILE_H_
