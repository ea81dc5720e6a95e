// timm's evaluation transform (timm.data.transforms_imagenet_eval, PIL backend): resize and crop as
// Preprocessing::crop_mode says, then to normalised float32. Bit equal to timm 1.0.31 with
// torchvision 0.26 and Pillow 13. All functions are pure, thread-safe and start no thread.
#ifndef SNAPVIT_CORE_IMAGE_PREPROCESS_H_
#define SNAPVIT_CORE_IMAGE_PREPROCESS_H_

#include <span>

#include "absl/status/status.h"
#include "core/image/image.h"
#include "core/image/preprocessing.h"

namespace snapvit {

// OK if `preprocessing` can be carried out: sides 1 to 16384, crop_pct in [0.01, 1], mean finite,
// std finite and not 0. INVALID_ARGUMENT names the field and its value. For the loader of a model,
// so that requests need not fail.
absl::Status ValidatePreprocessing(const Preprocessing& preprocessing);

// The model's input before normalisation: preprocessing.width x preprocessing.height bytes of RGB.
// Where the resized image is smaller than that, the rest is black (kCenter, kSquash) or the mean
// colour (kBorder). REQUIRES: the image is not empty; ValidatePreprocessing(preprocessing) is OK.
Image ResizeAndCrop(const Image& image, const Preprocessing& preprocessing);

// The model's input: `out` is [3, height, width], RGB planes. INVALID_ARGUMENT if the preprocessing
// is not valid, the image is empty, or `out` has another size; then `out` is untouched.
absl::Status Preprocess(const Image& image, const Preprocessing& preprocessing,
                        std::span<float> out);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_PREPROCESS_H_
