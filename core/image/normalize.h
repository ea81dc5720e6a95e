// From scaled pixels to the model's numbers.
#ifndef SNAPVIT_CORE_IMAGE_NORMALIZE_H_
#define SNAPVIT_CORE_IMAGE_NORMALIZE_H_

#include <span>

#include "core/image/image.h"
#include "core/image/preprocessing.h"

namespace snapvit {

// out[c][y][x] = (rgb * rescale - mean[c]) / std[c] with what `preprocessing` says of the three,
// each step rounded to float32 in this order: bit equal to torchvision's ToTensor and Normalize,
// and to transformers' rescale and normalize on arrays. REQUIRES: out.size() == 3 * width * height.
// Pure and thread-safe.
void Normalize(const Image& image, const Preprocessing& preprocessing, std::span<float> out);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_NORMALIZE_H_
