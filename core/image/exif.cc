#include "core/image/exif.h"

#include <cstddef>
#include <cstring>

#include "core/image/byte_order.h"

namespace snapvit {
namespace {

constexpr int kUpright = 1;
constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kTypeShort = 3;
constexpr uint32_t kTypeLong = 4;
constexpr size_t kTiffHeaderBytes = 8;
constexpr size_t kEntryBytes = 12;  // tag 2, type 2, count 4, value or offset 4

// A TIFF block in its own byte order. Reads out of bounds give 0.
class TiffReader {
 public:
  TiffReader(std::span<const uint8_t> bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  uint32_t Read16(size_t at) const {
    if (!Has(at, 2)) return 0;
    return big_endian_ ? ReadBigEndian16(&bytes_[at]) : ReadLittleEndian16(&bytes_[at]);
  }
  uint32_t Read32(size_t at) const {
    if (!Has(at, 4)) return 0;
    return big_endian_ ? ReadBigEndian32(&bytes_[at]) : ReadLittleEndian32(&bytes_[at]);
  }
  bool Has(size_t at, size_t count) const {
    return at <= bytes_.size() && bytes_.size() - at >= count;
  }

 private:
  std::span<const uint8_t> bytes_;
  bool big_endian_;
};

int OrientationOfEntry(const TiffReader& tiff, size_t entry) {
  const uint32_t type = tiff.Read16(entry + 2);
  const uint32_t count = tiff.Read32(entry + 4);
  uint32_t value = 0;  // of several values the first counts, if they fit into the entry itself
  if (type == kTypeShort && (count == 1 || count == 2)) value = tiff.Read16(entry + 8);
  if (type == kTypeLong && count == 1) value = tiff.Read32(entry + 8);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
}

}  // namespace

int ParseExifOrientation(std::span<const uint8_t> exif) {
  while (exif.size() >= 6 && std::memcmp(exif.data(), "Exif\0", 6) == 0) exif = exif.subspan(6);
  if (exif.size() < kTiffHeaderBytes) return kUpright;
  const bool little = exif[0] == 'I' && exif[1] == 'I';
  const bool big = exif[0] == 'M' && exif[1] == 'M';
  if (!little && !big) return kUpright;
  const TiffReader tiff(exif, big);
  if (tiff.Read16(2) != 42) return kUpright;
  const size_t ifd = tiff.Read32(4);
  const uint32_t entries = tiff.Read16(ifd);
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = ifd + 2 + i * kEntryBytes;
    if (!tiff.Has(entry, kEntryBytes)) return kUpright;
    if (tiff.Read16(entry) == kOrientationTag) return OrientationOfEntry(tiff, entry);
  }
  return kUpright;
}

}  // namespace snapvit
