// Images drawn by program, for calibration where no photographs are at hand. Three generators in
// turn: dead leaves (occluding discs whose sizes follow a power law, as objects in photographs do),
// octave noise with a 1/f spectrum, and shaded shapes on a gradient. docs/quality.md says how far
// an ordering from them is from one on real images.
#ifndef SNAPVIT_CORE_SNAPVIT_SYNTHETIC_IMAGE_H_
#define SNAPVIT_CORE_SNAPVIT_SYNTHETIC_IMAGE_H_

#include <cstddef>
#include <cstdint>

#include "core/image/image.h"

namespace snapvit {

// Image `index` of the sequence that `seed` gives; the same on every machine. Thread-safe.
Image DrawSyntheticImage(int height, int width, uint64_t seed, size_t index);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_SYNTHETIC_IMAGE_H_
