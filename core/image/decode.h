// Decoding of JPEG, PNG and WebP files to 8-bit RGB, as Pillow's Image.open(f).convert("RGB"):
// alpha is dropped (not blended), palettes and greys are expanded, CMYK and YCCK JPEGs follow
// Adobe's inverted convention, 16-bit samples keep their high byte, colour profiles are not
// applied, of an animation the first frame is taken.
//
// The bytes come from outside: every input gives an image or a status, and memory stays
// proportional to DecodeOptions::max_pixels (at most about 12 bytes a pixel while a progressive
// CMYK JPEG is decoded). All functions are pure, thread-safe and start no thread.
#ifndef SNAPVIT_CORE_IMAGE_DECODE_H_
#define SNAPVIT_CORE_IMAGE_DECODE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "core/image/image.h"
#include "core/image/image_info.h"

namespace snapvit {

struct DecodeOptions {
  // Largest width x height that is decoded. Checked against the header before anything is
  // allocated.
  size_t max_pixels = 64'000'000;
  // Turns and mirrors the pixels as the EXIF orientation tag says (Pillow:
  // ImageOps.exif_transpose).
  bool apply_exif_orientation = true;
};

// Format and size from the header alone: microseconds, no allocation, however large the image
// claims to be. For admission and cost estimates; the rest of the file may still turn out to be
// damaged. INVALID_ARGUMENT: no bytes, none of the three formats (the message has the first bytes),
// or a header that is cut off or senseless.
absl::StatusOr<ImageInfo> ReadImageInfo(std::span<const uint8_t> bytes);

// The whole image. INVALID_ARGUMENT as above, and for pixel data that is truncated, corrupt or of
// an unsupported kind; RESOURCE_EXHAUSTED if the image has more than options.max_pixels or there is
// no memory. Damage that costs no pixels (stray bytes between markers, a missing PNG trailer) is
// tolerated as Pillow does; where Pillow fills missing pixels with grey, this fails.
absl::StatusOr<Image> DecodeImage(std::span<const uint8_t> bytes, const DecodeOptions& options);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_DECODE_H_
