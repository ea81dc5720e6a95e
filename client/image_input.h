// ImageInput: an image to send, in one of the three forms that the server takes. Borrowed: the
// bytes must stay as they are until the call that was given them returns.
#ifndef SNAPVIT_CLIENT_IMAGE_INPUT_H_
#define SNAPVIT_CLIENT_IMAGE_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit::client {

// The bytes of a JPEG, PNG or WebP file.
struct EncodedImage {
  std::string_view bytes;
};

// 8-bit RGB, row-major, interleaved: 3 × height × width bytes.
struct RgbImage {
  uint32_t height = 0;
  uint32_t width = 0;
  std::span<const uint8_t> rgb;
};

// [3, height, width] of the model's input size, already resized and normalised.
struct InputTensor {
  uint32_t height = 0;
  uint32_t width = 0;
  std::span<const float> values;
};

using ImageInput = std::variant<EncodedImage, RgbImage, InputTensor>;

// Bytes that the image takes in a request, to a few bytes.
size_t PayloadBytes(const ImageInput& image);

// INVALID_ARGUMENT, with both numbers, if pixels or values do not have the size that height and
// width say. Encoded bytes are the server's to judge.
absl::Status CheckImage(const ImageInput& image);

// Copies the image into `proto`. REQUIRES: CheckImage(image).ok().
void FillImage(const ImageInput& image, v1::Image& proto);

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_IMAGE_INPUT_H_
