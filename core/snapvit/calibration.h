// CalibrationSource: where the unlabelled images come from that an ordering is computed on.
#ifndef SNAPVIT_CORE_SNAPVIT_CALIBRATION_H_
#define SNAPVIT_CORE_SNAPVIT_CALIBRATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/sha256.h"
#include "core/image/image.h"
#include "core/image/preprocessing.h"
#include "core/snapvit/synthetic_image.h"

namespace snapvit {

// Images that statistics are taken of, unless told otherwise.
inline constexpr size_t kDefaultCalibrationImages = 512;

// Images that a source must have: an image counts by what sets it apart from the mean of others, so
// that no part can do with one. Of twelve, six go into the statistics, two into the path, and four
// measure fidelity, whose standard error then shows how little that is.
inline constexpr size_t kFewestCalibrationImages = 12;

// How an ordering divides the images of its source: one part after the other, so that no two share
// an image.
struct CalibrationSplit {
  size_t statistics = 0;
  size_t path = 0;      // an eighth of that, at least 2, to search the budget path
  size_t held_out = 0;  // a third of that, at least 4, to measure fidelity

  size_t total() const { return statistics + path + held_out; }
};

// Of a source of `available` images. With fewer than the split for `statistics_images` asks for,
// all parts shrink in proportion. REQUIRES: available ≥ kFewestCalibrationImages, statistics_images
// ≥ 2.
CalibrationSplit SplitCalibration(size_t available, size_t statistics_images);

// Images that a source needs for so many images of statistics, kFewestCalibrationImages at least.
size_t CalibrationImagesFor(size_t statistics_images);

// A finite, ordered, reproducible set of images. Thread-safe.
class CalibrationSource {
 public:
  virtual ~CalibrationSource() = default;

  // Images that can be asked for.
  virtual size_t size() const = 0;
  // Image `index` < size(). An error names the file; the caller skips it or gives up. Thread-safe.
  virtual absl::StatusOr<Image> Get(size_t index) const = 0;
  // For people: "synthetic", the folder, or the list file.
  virtual std::string Describe() const = 0;
};

// Adds to `hash` what tells one source from another: of its images, the first and the last one
// stand for all.
void AddToHash(const CalibrationSource& source, Sha256& hash);

// All JPEG, PNG and WebP files under `folder`, found recursively, in an order shuffled by `seed`.
// NOT_FOUND if there are none.
absl::StatusOr<std::unique_ptr<CalibrationSource>> FolderCalibration(const std::string& folder,
                                                                     uint64_t seed);

// The images that a text file lists, in an order shuffled by `seed`: one path a line, relative to
// the folder of the list unless absolute; blank lines and lines that begin with # are skipped.
// NOT_FOUND if the list, or a file that it names (with its line), is not there; INVALID_ARGUMENT
// if it names none.
absl::StatusOr<std::unique_ptr<CalibrationSource>> ListCalibration(const std::string& list_file,
                                                                   uint64_t seed);

// `size` images drawn by program, `height` × `width` pixels each.
std::unique_ptr<CalibrationSource> SyntheticCalibration(size_t size, int height, int width,
                                                        uint64_t seed,
                                                        SyntheticKind kind = SyntheticKind::kMix);

// What `--images` and `--calibration` name: "synthetic" and "synthetic:KIND" (ParseSyntheticKind),
// a folder, or a list file. Of synthetic images there are `drawn_images`. A folder that has such a
// name is written ./synthetic. Errors of the functions above; NOT_FOUND names all that is accepted.
absl::StatusOr<std::unique_ptr<CalibrationSource>> OpenCalibration(
    const std::string& name, size_t drawn_images, const Preprocessing& preprocessing,
    uint64_t seed);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_CALIBRATION_H_
