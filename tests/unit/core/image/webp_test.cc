#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/image/decode.h"
#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

TEST(DecodeWebpTest, SaysThatACutFileIsTruncated) {
  for (const char* file : {"lossy.webp", "lossless.webp", "lossy_alpha.webp", "animated.webp",
                           "animated_offset.webp"}) {
    const std::vector<uint8_t> bytes = ReadGolden(std::string("decode/") + file);
    for (size_t size = 12; size < bytes.size(); ++size) {
      const absl::StatusOr<Image> image = DecodeImage(std::span(bytes).first(size), {});
      ASSERT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument)
          << file << " cut to " << size;
      ASSERT_THAT(std::string(image.status().message()), HasSubstr("truncated"))
          << file << " cut to " << size;
    }
  }
}

// A file that was cut and whose RIFF size was made to fit again: the bitstream itself ends early.
TEST(DecodeWebpTest, NoticesABitstreamThatEndsEarly) {
  for (const char* file : {"lossy.webp", "lossless.webp"}) {
    std::vector<uint8_t> bytes = ReadGolden(std::string("decode/") + file);
    bytes.resize(bytes.size() / 2 * 2 - 40);
    const auto set_size = [&bytes](size_t at, size_t size) {
      for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(size >> (8 * i));
    };
    set_size(4, bytes.size() - 8);
    set_size(16, bytes.size() - 20);
    EXPECT_EQ(DecodeImage(bytes, {}).status().code(), absl::StatusCode::kInvalidArgument) << file;
  }
}

TEST(DecodeWebpTest, RefusesAFrameOutsideItsCanvas) {
  std::vector<uint8_t> bytes = ReadGolden("decode/animated_offset.webp");
  const std::string text(bytes.begin(), bytes.end());
  const size_t frame = text.find("ANMF") + 8;
  bytes[frame] = 200;  // x / 2
  const absl::Status status = DecodeImage(bytes, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at (400, 6) of a canvas of 60 x 44"));
}

}  // namespace
}  // namespace snapvit
