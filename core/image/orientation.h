// Applying an EXIF orientation to pixels.
#ifndef SNAPVIT_CORE_IMAGE_ORIENTATION_H_
#define SNAPVIT_CORE_IMAGE_ORIENTATION_H_

#include "core/image/image.h"

namespace snapvit {

// The upright image of one stored with `orientation` (1 to 8, EXIF's numbers; anything else means
// 1): what Pillow's ImageOps.exif_transpose returns. 5 to 8 swap width and height. 1 moves the
// image through without a copy. Pure and thread-safe.
Image ApplyOrientation(Image image, int orientation);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_ORIENTATION_H_
