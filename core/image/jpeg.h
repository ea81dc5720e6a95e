// JPEG pixels through libjpeg: accurate integer DCT and fancy upsampling, libjpeg's defaults and
// Pillow's.
#ifndef SNAPVIT_CORE_IMAGE_JPEG_H_
#define SNAPVIT_CORE_IMAGE_JPEG_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "core/image/image.h"
#include "core/image/image_info.h"

namespace snapvit {

// Decodes baseline and progressive JPEG with 1, 3 or 4 components. `info` is what ReadJpegInfo
// said; libjpeg has to find the same size, so that a limit checked against `info` holds.
// INVALID_ARGUMENT if data is truncated or corrupt, or has so many scans that decoding would be an
// attack. RESOURCE_EXHAUSTED if libjpeg gets no memory. Pure and thread-safe.
absl::StatusOr<Image> DecodeJpeg(std::span<const uint8_t> bytes, const ImageInfo& info);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_JPEG_H_
