// Calibration images as model inputs.
#ifndef SNAPVIT_CORE_SNAPVIT_PREPROCESSED_IMAGES_H_
#define SNAPVIT_CORE_SNAPVIT_PREPROCESSED_IMAGES_H_

#include <ATen/core/Tensor.h>

#include <cstddef>

#include "absl/status/status.h"
#include "core/image/preprocessing.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

// Images of a source that could not be read.
struct UnreadableImages {
  size_t count = 0;
  absl::Status first;  // names the file
};

// Images [first, first + count) of the source, preprocessed by the model's own rule, [images, 3, H,
// W] f32. Fewer rows if the source ends before or images cannot be read; these are added to
// `unreadable`, if given.
at::Tensor PreprocessedImages(const CalibrationSource& source, const Preprocessing& preprocessing,
                              size_t first, size_t count, UnreadableImages* unreadable = nullptr);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_PREPROCESSED_IMAGES_H_
