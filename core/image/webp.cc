#include "core/image/webp.h"

#include <webp/decode.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/image/byte_order.h"
#include "core/image/webp_container.h"

namespace snapvit {
namespace {

using Bytes = std::span<const uint8_t>;

absl::Status ToStatus(VP8StatusCode code) {
  switch (code) {
    case VP8_STATUS_OK:
      return absl::OkStatus();
    case VP8_STATUS_OUT_OF_MEMORY:
      return absl::ResourceExhaustedError("WebP decoder: out of memory");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return absl::InvalidArgumentError(
          "WebP image is truncated: its data ends before its last pixel");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return absl::InvalidArgumentError(
          "WebP image uses a feature that libwebp's decoder does not support");
    case VP8_STATUS_BITSTREAM_ERROR:
      return absl::InvalidArgumentError("WebP image cannot be decoded: its bitstream is corrupt");
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("WebP image cannot be decoded: libwebp status ", static_cast<int>(code)));
  }
}

// The RIFF header says how long the file is; a decoder that stops at the last pixel would not
// notice a cut.
absl::Status CheckComplete(Bytes bytes) {
  const uint64_t expected = uint64_t{8} + ReadLittleEndian32(&bytes[4]);
  if (bytes.size() >= expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("WebP image is truncated: ", bytes.size(), " bytes of ", expected));
}

absl::StatusOr<WebPBitstreamFeatures> ReadFeatures(Bytes bytes) {
  WebPBitstreamFeatures features;
  RETURN_IF_ERROR(ToStatus(WebPGetFeatures(bytes.data(), bytes.size(), &features)));
  if (features.width <= 0 || features.height <= 0) {
    return absl::InvalidArgumentError(absl::StrCat("WebP image is ", features.width, " x ",
                                                   features.height,
                                                   "; both sides must be at least 1"));
  }
  return features;
}

// Decodes `bytes` of width x height pixels to rows of `image`, its left upper corner at (x, y).
absl::Status DecodeInto(Bytes bytes, int x, int y, int width, int height, Image& image) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0)
    return absl::InternalError("libwebp has another ABI than its headers");
  const size_t stride = size_t{3} * static_cast<size_t>(image.width);
  const size_t offset = stride * static_cast<size_t>(y) + size_t{3} * static_cast<size_t>(x);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image.rgb.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size =
      stride * static_cast<size_t>(height - 1) + size_t{3} * static_cast<size_t>(width);
  return ToStatus(WebPDecode(bytes.data(), bytes.size(), &config));
}

absl::Status DecodeFirstFrame(Bytes bytes, Image& image) {
  const std::optional<WebpFrame> frame = FindFirstWebpFrame(bytes);
  if (!frame.has_value())
    return absl::InvalidArgumentError("animated WebP image has no complete first frame");
  ASSIGN_OR_RETURN(const WebPBitstreamFeatures features, ReadFeatures(frame->bitstream));
  if (features.width != frame->width || features.height != frame->height ||
      frame->width > image.width - frame->x || frame->height > image.height - frame->y) {
    return absl::InvalidArgumentError(absl::StrCat(
        "animated WebP image is damaged: its first frame is ", features.width, " x ",
        features.height, ", declared ", frame->width, " x ", frame->height, " at (", frame->x, ", ",
        frame->y, ") of a canvas of ", image.width, " x ", image.height));
  }
  return DecodeInto(frame->bitstream, frame->x, frame->y, frame->width, frame->height, image);
}

}  // namespace

absl::StatusOr<ImageInfo> ReadWebpInfo(Bytes bytes) {
  ASSIGN_OR_RETURN(const WebPBitstreamFeatures features, ReadFeatures(bytes));
  return ImageInfo{ImageFormat::kWebp, features.width, features.height};
}

absl::StatusOr<Image> DecodeWebp(Bytes bytes, const ImageInfo& info) {
  RETURN_IF_ERROR(CheckComplete(bytes));
  ASSIGN_OR_RETURN(const WebPBitstreamFeatures features, ReadFeatures(bytes));
  Image image;
  image.width = info.width;
  image.height = info.height;
  image.rgb.resize(size_t{3} * static_cast<size_t>(info.width) * static_cast<size_t>(info.height));
  if (features.has_animation) {
    RETURN_IF_ERROR(DecodeFirstFrame(bytes, image));
  } else {
    RETURN_IF_ERROR(DecodeInto(bytes, 0, 0, info.width, info.height, image));
  }
  return image;
}

}  // namespace snapvit
