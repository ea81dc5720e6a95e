// WebP through libwebp: lossy, lossless, with alpha, and the first frame of an animation.
#ifndef SNAPVIT_CORE_IMAGE_WEBP_H_
#define SNAPVIT_CORE_IMAGE_WEBP_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "core/image/image.h"
#include "core/image/image_info.h"

namespace snapvit {

// Canvas size from the headers. INVALID_ARGUMENT if they are cut off or damaged.
// REQUIRES (both): starts with "RIFF", size, "WEBP". Both are pure and thread-safe.
absl::StatusOr<ImageInfo> ReadWebpInfo(std::span<const uint8_t> bytes);

// `info` is what ReadWebpInfo said. Alpha is dropped. An animation gives its first frame on a black
// canvas, as Pillow does. INVALID_ARGUMENT if data is truncated or corrupt, RESOURCE_EXHAUSTED if
// libwebp gets no memory.
absl::StatusOr<Image> DecodeWebp(std::span<const uint8_t> bytes, const ImageInfo& info);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_WEBP_H_
