// CalibrationSource: where the unlabelled images come from that an ordering is computed on.
#ifndef SNAPVIT_CORE_SNAPVIT_CALIBRATION_H_
#define SNAPVIT_CORE_SNAPVIT_CALIBRATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/image/image.h"

namespace snapvit {

// A finite, ordered, reproducible set of images. Thread-safe.
class CalibrationSource {
 public:
  virtual ~CalibrationSource() = default;

  // Images that can be asked for.
  virtual size_t size() const = 0;
  // Image `index` < size(). An error names the file; the caller skips it or gives up.
  virtual absl::StatusOr<Image> Get(size_t index) const = 0;
  // For people: "synthetic", or the folder.
  virtual std::string Describe() const = 0;
};

// All JPEG, PNG and WebP files under `folder`, found recursively, in an order shuffled by `seed`.
// NOT_FOUND if there are none.
absl::StatusOr<std::unique_ptr<CalibrationSource>> FolderCalibration(const std::string& folder,
                                                                     uint64_t seed);

// `size` images drawn by program (core/snapvit/synthetic_image.h), `height` × `width` pixels each.
std::unique_ptr<CalibrationSource> SyntheticCalibration(size_t size, int height, int width,
                                                        uint64_t seed);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_CALIBRATION_H_
