#include "core/image/jpeg_header.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/image/byte_order.h"

namespace snapvit {
namespace {

constexpr uint8_t kSoi = 0xD8;
constexpr uint8_t kEoi = 0xD9;
constexpr uint8_t kSos = 0xDA;
constexpr uint8_t kApp1 = 0xE1;
constexpr uint8_t kTem = 0x01;

// SOF0 to SOF15 without DHT, JPG and DAC, which share the range.
bool IsFrameHeader(uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

bool HasNoPayload(uint8_t marker) {
  return marker == kSoi || marker == kTem || (marker >= 0xD0 && marker <= 0xD7);
}

struct Segment {
  uint8_t marker;
  std::span<const uint8_t> payload;
};

// Iterates over the segments in front of the first scan.
class SegmentReader {
 public:
  explicit SegmentReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  // The next segment; nothing at the first scan, the end of the image or the end of the bytes.
  std::optional<Segment> Next() {
    while (const std::optional<uint8_t> marker = NextMarker()) {
      if (HasNoPayload(*marker)) continue;
      if (*marker == kSos || *marker == kEoi) return std::nullopt;
      if (bytes_.size() - at_ < 2) return std::nullopt;
      const size_t length = ReadBigEndian16(&bytes_[at_]);  // counts its own two bytes
      if (length < 2 || length > bytes_.size() - at_) return std::nullopt;
      const Segment segment = {*marker, bytes_.subspan(at_ + 2, length - 2)};
      at_ += length;
      return segment;
    }
    return std::nullopt;
  }

 private:
  // Skips stray bytes before a marker, and fill bytes (FF) inside it, as libjpeg does.
  std::optional<uint8_t> NextMarker() {
    while (at_ < bytes_.size()) {
      if (bytes_[at_++] != 0xFF) continue;
      while (at_ < bytes_.size() && bytes_[at_] == 0xFF) ++at_;
      if (at_ == bytes_.size()) return std::nullopt;
      const uint8_t marker = bytes_[at_++];
      if (marker != 0) return marker;  // FF 00 is a stuffed data byte
    }
    return std::nullopt;
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<ImageInfo> ReadJpegInfo(std::span<const uint8_t> bytes) {
  SegmentReader segments(bytes);
  while (const std::optional<Segment> segment = segments.Next()) {
    if (!IsFrameHeader(segment->marker)) continue;
    if (segment->payload.size() < 6) break;
    const int precision = segment->payload[0];
    const int height = static_cast<int>(ReadBigEndian16(&segment->payload[1]));
    const int width = static_cast<int>(ReadBigEndian16(&segment->payload[3]));
    if (precision != 8) {
      return absl::InvalidArgumentError(
          absl::StrCat("JPEG image has ", precision, " bits a sample; only 8 are supported"));
    }
    if (width == 0 || height == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("JPEG image is ", width, " x ", height, "; both sides must be at least 1"));
    }
    return ImageInfo{ImageFormat::kJpeg, width, height};
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "JPEG image is truncated or damaged: no frame header in its ", bytes.size(), " bytes"));
}

std::span<const uint8_t> FindJpegExif(std::span<const uint8_t> bytes) {
  SegmentReader segments(bytes);
  while (const std::optional<Segment> segment = segments.Next()) {
    if (segment->marker != kApp1 || segment->payload.size() < 6) continue;
    if (std::memcmp(segment->payload.data(), "Exif\0", 6) == 0) return segment->payload.subspan(6);
  }
  return {};
}

}  // namespace snapvit
