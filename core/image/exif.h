// The one EXIF tag that changes pixels: orientation.
#ifndef SNAPVIT_CORE_IMAGE_EXIF_H_
#define SNAPVIT_CORE_IMAGE_EXIF_H_

#include <cstdint>
#include <span>

namespace snapvit {

// Orientation (tag 0x0112) of an EXIF block: a TIFF header and IFD0, with or without the leading
// "Exif\0\0". 1 to 8 as in the EXIF specification; 1 (upright) if the block is empty, damaged, or
// has no valid tag. Never fails: a photo with broken metadata is still a photo. Pure and
// thread-safe.
int ParseExifOrientation(std::span<const uint8_t> exif);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_EXIF_H_
