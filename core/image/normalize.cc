#include "core/image/normalize.h"

#include <cstddef>

namespace snapvit {

void Normalize(const Image& image, const Preprocessing& preprocessing, std::span<float> out) {
  // A byte has 256 values: a table a channel costs less than the divisions.
  float table[3][256];
  for (int c = 0; c < 3; ++c) {
    for (int value = 0; value < 256; ++value) {
      const auto unit = static_cast<float>(value * preprocessing.rescale);
      const float centred = unit - preprocessing.mean[c];
      table[c][value] = centred / preprocessing.std[c];
    }
  }
  const size_t pixels = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  float* red = out.data();
  float* green = red + pixels;
  float* blue = green + pixels;
  const uint8_t* rgb = image.rgb.data();
  for (size_t i = 0; i < pixels; ++i, rgb += 3) {
    red[i] = table[0][rgb[0]];
    green[i] = table[1][rgb[1]];
    blue[i] = table[2][rgb[2]];
  }
}

}  // namespace snapvit
