// From bytes to the model's numbers.
#ifndef SNAPVIT_CORE_IMAGE_NORMALIZE_H_
#define SNAPVIT_CORE_IMAGE_NORMALIZE_H_

#include <array>
#include <span>

#include "core/image/image.h"

namespace snapvit {

// out[c][y][x] = (rgb / 255 - mean[c]) / std[c], each step rounded to float32 in this order: bit
// equal to torchvision's ToTensor and Normalize. REQUIRES: out.size() == 3 * width * height. Pure
// and thread-safe.
void Normalize(const Image& image, const std::array<float, 3>& mean,
               const std::array<float, 3>& std, std::span<float> out);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_NORMALIZE_H_
