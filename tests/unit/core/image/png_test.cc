#include "core/image/png.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/image/decode.h"
#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

TEST(DecodePngTest, SaysThatACutFileIsTruncated) {
  for (const char* file : {"rgb_8.png", "rgb_8_interlaced.png", "palette_4.png", "pieces.png"}) {
    const std::vector<uint8_t> bytes = ReadGolden(std::string("decode/") + file);
    // The last 12 bytes are IEND; before them lies the checksum of the pixel data.
    for (size_t size = 8; size < bytes.size() - 16; ++size) {
      const absl::StatusOr<Image> image = DecodeImage(std::span(bytes).first(size), {});
      ASSERT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument)
          << file << " cut to " << size;
      ASSERT_THAT(std::string(image.status().message()), HasSubstr("truncated"))
          << file << " cut to " << size;
    }
  }
}

TEST(DecodePngTest, RefusesAWrongChecksumOfPixels) {
  std::vector<uint8_t> bytes = ReadGolden("decode/rgb_8.png");
  bytes[bytes.size() - 30] ^= 1;
  const absl::Status status = DecodeImage(bytes, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("PNG image cannot be decoded"));
}

TEST(DecodePngTest, RefusesSenselessSides) {
  for (const uint8_t byte : {uint8_t{0x00}, uint8_t{0x7F}}) {
    std::vector<uint8_t> bytes = ReadGolden("decode/rgb_8.png");
    bytes[16] = bytes[17] = bytes[18] = bytes[19] = byte;
    const absl::Status status = ReadImageInfo(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("x 17; both sides must be 1 to 1000000"));
  }
}

TEST(FindPngExifTest, StopsAtAChunkThatRunsOverTheEnd) {
  std::vector<uint8_t> bytes = ReadGolden("decode/exif_before.png");
  EXPECT_FALSE(FindPngExif(bytes).empty());
  bytes[33] = 0xFF;  // length of the chunk after IHDR
  EXPECT_TRUE(FindPngExif(bytes).empty());
}

}  // namespace
}  // namespace snapvit
