// Resampling of 8-bit RGB, bit for bit as Pillow 13's Image.resize: separable, antialiased, integer
// weights, bytes between the passes. All functions are pure, thread-safe and start no thread.
#ifndef SNAPVIT_CORE_IMAGE_RESIZE_H_
#define SNAPVIT_CORE_IMAGE_RESIZE_H_

#include <cstdint>

#include "core/image/image.h"
#include "core/image/preprocessing.h"

namespace snapvit {

// A rectangle of pixels.
struct Box {
  int64_t x = 0;
  int64_t y = 0;
  int width = 0;
  int height = 0;
};

// `image` scaled to width x height. REQUIRES: the image is not empty; width, height >= 1.
Image Resize(const Image& image, int width, int height, Interpolation interpolation);

// Crop(Resize(image, width, height), window), but only the window is computed: a strip of 60000 x 1
// pixels can be scaled to a shorter edge of 256 and cut to the middle 224 without the 15 million
// pixels in between. REQUIRES: as Resize; the window is not empty and inside width x height.
Image ResizeWindow(const Image& image, int64_t width, int64_t height, const Box& window,
                   Interpolation interpolation);

// The rectangle of `image` with its left upper corner at (x, y). REQUIRES: it lies inside and is
// not empty.
Image Crop(const Image& image, int x, int y, int width, int height);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_RESIZE_H_
