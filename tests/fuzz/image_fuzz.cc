// JPEG, PNG and WebP files, decoded and prepared for a model.
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "core/image/decode.h"
#include "core/image/preprocess.h"
#include "tests/fuzz/fuzz.h"

namespace snapvit {
namespace {

constexpr size_t kMaxPixels = 1 << 18;

uint32_t BigEndian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

// Makes the checksums of a PNG's chunks right: else no change would get past them.
void RepairPng(std::vector<uint8_t>& bytes) {
  constexpr uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  if (bytes.size() < 8 || std::memcmp(bytes.data(), kSignature, 8) != 0) return;
  for (size_t at = 8; bytes.size() - at >= 12;) {
    const size_t length = BigEndian(&bytes[at]);
    if (length > bytes.size() - at - 12) return;
    const auto crc = static_cast<uint32_t>(crc32(0, &bytes[at + 4], static_cast<uInt>(length + 4)));
    for (size_t i = 0; i < 4; ++i) {
      bytes[at + 8 + length + i] = static_cast<uint8_t>(crc >> (24 - 8 * i));
    }
    at += length + 12;
  }
}

// A way of preparation that is different for files of different sizes.
Preprocessing PreprocessingOf(size_t size) {
  Preprocessing preprocessing;
  preprocessing.height = 24;
  preprocessing.width = size % 2 == 0 ? 24 : 17;
  preprocessing.resize = static_cast<ResizeMode>(size / 2 % 5);
  preprocessing.interpolation = static_cast<Interpolation>(size / 10 % 6);
  preprocessing.float_resize = size / 60 % 2 == 1 && size / 10 % 6 < 2;
  preprocessing.centering = static_cast<Centering>(size / 120 % 3);
  return preprocessing;
}

void CheckDecodes(std::span<const uint8_t> bytes) {
  const auto info = ReadImageInfo(bytes);
  DecodeOptions options;
  options.max_pixels = kMaxPixels;
  const auto image = DecodeImage(bytes, options);
  if (!image.ok()) {
    CHECK_THAT(!image.status().message().empty());
    CHECK_THAT(image.status().code() != absl::StatusCode::kInternal);
    return;
  }
  CHECK_THAT(info.ok());
  CHECK_THAT(std::minmax(image->width, image->height) == std::minmax(info->width, info->height));
  const size_t pixels = static_cast<size_t>(image->width) * static_cast<size_t>(image->height);
  CHECK_THAT(pixels <= kMaxPixels && image->rgb.size() == 3 * pixels);

  const Preprocessing preprocessing = PreprocessingOf(bytes.size());
  CHECK_THAT(ValidatePreprocessing(preprocessing).ok());
  std::vector<float> values(size_t{3} * preprocessing.height * preprocessing.width);
  const absl::Status prepared = Preprocess(*image, preprocessing, values);
  CHECK_THAT(prepared.ok() || preprocessing.resize == ResizeMode::kRequireInputSize);
}

}  // namespace
}  // namespace snapvit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  snapvit::RepairPng(bytes);
  snapvit::CheckDecodes(bytes);
  return 0;
}
