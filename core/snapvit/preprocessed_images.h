// Calibration images as model inputs.
#ifndef SNAPVIT_CORE_SNAPVIT_PREPROCESSED_IMAGES_H_
#define SNAPVIT_CORE_SNAPVIT_PREPROCESSED_IMAGES_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/image/image.h"
#include "core/image/preprocessing.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

// Images of a source that could not be read.
struct UnreadableImages {
  size_t count = 0;
  absl::Status first;  // names the file
};

// The first image's error if none of `tried` images could be read, or more than a tenth of them
// could not.
absl::Status CheckReadable(const UnreadableImages& unreadable, size_t tried);

// Writes what a model sees of image `index` of a source.
using ImageViews =
    absl::FunctionRef<absl::Status(const Image& image, size_t index, std::span<float> out)>;

// Images [first, first + count) of the source as `views` inputs each, [images·views, 3, H, W] f32,
// read and written side by side on the threads that ATen has on the calling thread. Fewer rows if
// the source ends before, or if images cannot be read or `write` fails; these are added to
// `unreadable`, if given.
at::Tensor ImageInputs(const CalibrationSource& source, const Preprocessing& preprocessing,
                       size_t first, size_t count, size_t views, ImageViews write,
                       UnreadableImages* unreadable);

// The same of images preprocessed by the model's own rule, [images, 3, H, W].
at::Tensor PreprocessedImages(const CalibrationSource& source, const Preprocessing& preprocessing,
                              size_t first, size_t count, UnreadableImages* unreadable = nullptr);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_PREPROCESSED_IMAGES_H_
