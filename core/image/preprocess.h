// The evaluation transform: scale and cut as Preprocessing says, then to normalised float32. Bit
// equal to timm 1.0.31 with torchvision 0.26 and Pillow 13, and to the Pillow backend of
// transformers 5.23; float_resize within 1e-5 of torchvision. All functions are pure, thread-safe
// and start no thread.
#ifndef SNAPVIT_CORE_IMAGE_PREPROCESS_H_
#define SNAPVIT_CORE_IMAGE_PREPROCESS_H_

#include <span>

#include "absl/status/status.h"
#include "core/image/image.h"
#include "core/image/preprocessing.h"

namespace snapvit {

// OK if `preprocessing` can be carried out: sides of the input 1 to 16384 and of the target 1 to
// 2097152, float_resize with a filter that it has, rescale, mean and std finite, rescale and std
// not 0. INVALID_ARGUMENT names the field and its value. For the loader of
// a model, so that requests need not fail.
absl::Status ValidatePreprocessing(const Preprocessing& preprocessing);

// The model's input before rescaling and normalisation: preprocessing.width x preprocessing.height
// bytes of RGB. REQUIRES: the image is not empty, and of the input's size if that is required;
// ValidatePreprocessing(preprocessing) is OK; not float_resize.
Image ResizeAndCrop(const Image& image, const Preprocessing& preprocessing);

// The model's input: `out` is [3, height, width], RGB planes. INVALID_ARGUMENT if the preprocessing
// is not valid, the image is empty or not of the size that is required, or `out` has another size;
// then `out` is untouched.
absl::Status Preprocess(const Image& image, const Preprocessing& preprocessing,
                        std::span<float> out);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_PREPROCESS_H_
