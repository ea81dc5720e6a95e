// Images drawn by program, for calibration where no photographs are at hand. docs/quality.md says
// how far an ordering from them is from one on real images.
#ifndef SNAPVIT_CORE_SNAPVIT_SYNTHETIC_IMAGE_H_
#define SNAPVIT_CORE_SNAPVIT_SYNTHETIC_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/image.h"

namespace snapvit {

enum class SyntheticKind {
  kMix,     // the others in turn
  kLeaves,  // occluding shapes whose sizes follow a power law, as objects in photographs do
  kNoise,   // octave noise with about a 1/f spectrum
  kShapes,  // a few shaded shapes on a gradient
};

// Of "synthetic" (the mix), "synthetic:leaves", …; INVALID_ARGUMENT lists the names there are.
absl::StatusOr<SyntheticKind> ParseSyntheticKind(std::string_view name);
// The name that ParseSyntheticKind reads.
std::string_view SyntheticName(SyntheticKind kind);

// Image `index` of the sequence that `seed` gives; the same on every machine. Thread-safe.
Image DrawSyntheticImage(SyntheticKind kind, int height, int width, uint64_t seed, size_t index);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_SYNTHETIC_IMAGE_H_
