// Resampling of 8-bit RGB in float32, not rounded to bytes: what torchvision's antialiased resize
// does with float tensors, to about 1e-6. Pure, thread-safe, starts no thread.
#ifndef SNAPVIT_CORE_IMAGE_FLOAT_RESIZE_H_
#define SNAPVIT_CORE_IMAGE_FLOAT_RESIZE_H_

#include <vector>

#include "core/image/image.h"
#include "core/image/preprocessing.h"
#include "core/image/resize.h"

namespace snapvit {

// The window of `image` scaled to width x height, row-major RGB of the scale of bytes (0 to 255;
// bicubic overshoots). Only the window is computed. REQUIRES: the image is not empty; the window is
// not empty and inside width x height; the interpolation is bilinear or bicubic.
std::vector<float> FloatResizeWindow(const Image& image, int64_t width, int64_t height,
                                     const Box& window, Interpolation interpolation);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_FLOAT_RESIZE_H_
