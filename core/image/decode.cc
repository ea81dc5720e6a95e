#include "core/image/decode.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/image/exif.h"
#include "core/image/jpeg.h"
#include "core/image/jpeg_header.h"
#include "core/image/orientation.h"
#include "core/image/png.h"
#include "core/image/webp.h"
#include "core/image/webp_container.h"

namespace snapvit {
namespace {

using Bytes = std::span<const uint8_t>;

bool StartsWith(Bytes bytes, Bytes prefix) {
  return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

absl::StatusOr<ImageFormat> SniffFormat(Bytes bytes) {
  static constexpr std::array<uint8_t, 3> kJpeg = {0xFF, 0xD8, 0xFF};
  static constexpr std::array<uint8_t, 8> kPng = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  static constexpr std::array<uint8_t, 4> kRiff = {'R', 'I', 'F', 'F'};
  static constexpr std::array<uint8_t, 4> kWebp = {'W', 'E', 'B', 'P'};
  if (bytes.empty()) {
    return absl::InvalidArgumentError(
        "image is empty (0 bytes); expected a JPEG, PNG or WebP file");
  }
  if (StartsWith(bytes, kJpeg)) return ImageFormat::kJpeg;
  if (StartsWith(bytes, kPng)) return ImageFormat::kPng;
  if (StartsWith(bytes, kRiff) && bytes.size() >= 12 && StartsWith(bytes.subspan(8), kWebp)) {
    return ImageFormat::kWebp;
  }
  const Bytes head = bytes.first(std::min<size_t>(bytes.size(), 12));
  return absl::InvalidArgumentError(absl::StrCat(
      "not an image in a supported format: expected JPEG, PNG or WebP, the ", bytes.size(),
      " bytes start with 0x",
      absl::BytesToHexString({reinterpret_cast<const char*>(head.data()), head.size()})));
}

absl::StatusOr<Image> DecodePixels(Bytes bytes, const ImageInfo& info) {
  switch (info.format) {
    case ImageFormat::kJpeg:
      return DecodeJpeg(bytes, info);
    case ImageFormat::kPng:
      return DecodePng(bytes, info);
    case ImageFormat::kWebp:
      return DecodeWebp(bytes, info);
  }
  return absl::InternalError("unknown image format");
}

Bytes FindExif(Bytes bytes, ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return FindJpegExif(bytes);
    case ImageFormat::kPng:
      return FindPngExif(bytes);
    case ImageFormat::kWebp:
      return FindWebpExif(bytes);
  }
  return {};
}

absl::Status CheckPixelLimit(const ImageInfo& info, size_t max_pixels) {
  const uint64_t pixels =
      uint64_t{static_cast<uint32_t>(info.width)} * static_cast<uint32_t>(info.height);
  if (pixels <= max_pixels) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(ImageFormatName(info.format), " image of ", info.width, " x ", info.height,
                   " = ", pixels, " pixels; the limit is ", max_pixels, " pixels"));
}

}  // namespace

const char* ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
  }
  return "unknown";
}

absl::StatusOr<ImageInfo> ReadImageInfo(Bytes bytes) {
  ASSIGN_OR_RETURN(const ImageFormat format, SniffFormat(bytes));
  switch (format) {
    case ImageFormat::kJpeg:
      return ReadJpegInfo(bytes);
    case ImageFormat::kPng:
      return ReadPngInfo(bytes);
    case ImageFormat::kWebp:
      return ReadWebpInfo(bytes);
  }
  return absl::InternalError("unknown image format");
}

absl::StatusOr<Image> DecodeImage(Bytes bytes, const DecodeOptions& options) {
  ASSIGN_OR_RETURN(const ImageInfo info, ReadImageInfo(bytes));
  RETURN_IF_ERROR(CheckPixelLimit(info, options.max_pixels));
  try {
    ASSIGN_OR_RETURN(Image image, DecodePixels(bytes, info));
    if (!options.apply_exif_orientation) return image;
    return ApplyOrientation(std::move(image), ParseExifOrientation(FindExif(bytes, info.format)));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for the pixels of a ", info.width, " x ", info.height, " image"));
  }
}

}  // namespace snapvit
