// What a JPEG's markers say before its first scan, without libjpeg: size for admission, and where
// the EXIF block is. Pure and thread-safe.
#ifndef SNAPVIT_CORE_IMAGE_JPEG_HEADER_H_
#define SNAPVIT_CORE_IMAGE_JPEG_HEADER_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "core/image/image_info.h"

namespace snapvit {

// Size from the first frame header. INVALID_ARGUMENT if the markers end or the scan data starts
// before there is one, or if it is not of 8-bit samples with a width and a height. REQUIRES: starts
// with FF D8 (SOI).
absl::StatusOr<ImageInfo> ReadJpegInfo(std::span<const uint8_t> bytes);

// The EXIF block (after "Exif\0\0") of the first APP1 segment that has one, a view into `bytes`;
// empty if none.
std::span<const uint8_t> FindJpegExif(std::span<const uint8_t> bytes);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_JPEG_HEADER_H_
