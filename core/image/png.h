// PNG through libpng: every colour type and bit depth, interlaced or not.
#ifndef SNAPVIT_CORE_IMAGE_PNG_H_
#define SNAPVIT_CORE_IMAGE_PNG_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "core/image/image.h"
#include "core/image/image_info.h"

namespace snapvit {

// Size from IHDR. INVALID_ARGUMENT if it is cut off, damaged, or a side is 0 or over 1 000 000
// (libpng's own limit). REQUIRES: starts with the PNG signature, as for all functions here. All are
// pure and thread-safe.
absl::StatusOr<ImageInfo> ReadPngInfo(std::span<const uint8_t> bytes);

// `info` is what ReadPngInfo said. Alpha and tRNS are dropped, 16-bit samples keep the high byte,
// gamma and profiles are not applied. INVALID_ARGUMENT if data is truncated or corrupt (checksums
// are verified).
absl::StatusOr<Image> DecodePng(std::span<const uint8_t> bytes, const ImageInfo& info);

// Payload of the eXIf chunk, before or after the pixels, a view into `bytes`; empty if none.
std::span<const uint8_t> FindPngExif(std::span<const uint8_t> bytes);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_PNG_H_
