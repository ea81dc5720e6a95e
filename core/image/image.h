// Image: decoded pixels, the currency between decode, resize and preprocess.
#ifndef SNAPVIT_CORE_IMAGE_IMAGE_H_
#define SNAPVIT_CORE_IMAGE_IMAGE_H_

#include <cstdint>
#include <vector>

namespace snapvit {

// Row-major 8-bit RGB without padding: pixel (x, y) starts at rgb[(y * width + x) * 3]. A plain
// value.
struct Image {
  int width = 0;   // pixels
  int height = 0;  // pixels
  std::vector<uint8_t> rgb;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_IMAGE_H_
