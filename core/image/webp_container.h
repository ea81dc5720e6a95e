// The RIFF container of a WebP file: where its EXIF block and the bitstream of its first frame are.
// Pure and thread-safe.
#ifndef SNAPVIT_CORE_IMAGE_WEBP_CONTAINER_H_
#define SNAPVIT_CORE_IMAGE_WEBP_CONTAINER_H_

#include <cstdint>
#include <optional>
#include <span>

namespace snapvit {

// Payload of the EXIF chunk, a view into `bytes`; empty if none.
// REQUIRES (both): starts with "RIFF", size, "WEBP".
std::span<const uint8_t> FindWebpExif(std::span<const uint8_t> bytes);

// A frame of an animation: its place on the canvas in pixels, and its VP8 or VP8L bitstream (a
// view; alpha is apart).
struct WebpFrame {
  int x;
  int y;
  int width;
  int height;
  std::span<const uint8_t> bitstream;
};

// The first frame of an animation; nothing if there is none or it is cut off.
std::optional<WebpFrame> FindFirstWebpFrame(std::span<const uint8_t> bytes);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_WEBP_CONTAINER_H_
