#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "core/image/decode.h"
#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Message(std::span<const uint8_t> bytes) {
  return std::string(DecodeImage(bytes, {}).status().message());
}

size_t Find(const std::vector<uint8_t>& bytes, uint8_t marker) {
  const std::array<uint8_t, 2> pattern = {0xFF, marker};
  return static_cast<size_t>(
      std::search(bytes.begin(), bytes.end(), pattern.begin(), pattern.end()) - bytes.begin());
}

// Wherever a file is cut, the caller learns that it is truncated, never gets grey pixels.
TEST(DecodeJpegTest, SaysThatACutFileIsTruncated) {
  for (const char* file : {"rgb_420.jpg", "rgb_444.jpg", "progressive_420.jpg", "restart.jpg",
                           "cmyk.jpg", "grey.jpg", "grey_progressive.jpg"}) {
    const std::vector<uint8_t> bytes = ReadGolden(std::string("decode/") + file);
    for (size_t size = 3; size + 3 < bytes.size(); ++size) {
      const absl::StatusOr<Image> image = DecodeImage(std::span(bytes).first(size), {});
      ASSERT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument)
          << file << " cut to " << size;
      ASSERT_THAT(std::string(image.status().message()), HasSubstr("truncated"))
          << file << " cut to " << size;
    }
  }
}

TEST(DecodeJpegTest, SaysHowManyRowsThereAre) {
  std::vector<uint8_t> bytes = ReadGolden("decode/quality_98.jpg");
  bytes.resize(bytes.size() / 2);
  EXPECT_THAT(Message(bytes), ::testing::ContainsRegex("truncated after [0-9]+ of 40 rows"));
}

// A run of ones is no Huffman code.
TEST(DecodeJpegTest, RefusesCorruptEntropyData) {
  std::vector<uint8_t> bytes = ReadGolden("decode/quality_98.jpg");
  const size_t middle = (Find(bytes, 0xDA) + bytes.size()) / 2;
  for (size_t i = 0; i < 8; i += 2) {
    bytes[middle + i] = 0xFF;
    bytes[middle + i + 1] = 0x00;  // makes the FF before it a data byte
  }
  EXPECT_THAT(Message(bytes), AllOf(HasSubstr("cannot be decoded"), HasSubstr("bad Huffman code")));
}

TEST(DecodeJpegTest, RefusesALostRestartMarker) {
  std::vector<uint8_t> bytes = ReadGolden("decode/restart.jpg");
  const size_t marker = Find(bytes, 0xD1);
  ASSERT_LT(marker, bytes.size());
  bytes[marker + 1] = 0xD5;
  EXPECT_EQ(DecodeImage(bytes, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(DecodeJpegTest, RefusesTwelveBitSamples) {
  std::vector<uint8_t> bytes = ReadGolden("decode/rgb_444.jpg");
  bytes[Find(bytes, 0xC0) + 4] = 12;
  EXPECT_THAT(Message(bytes), HasSubstr("12 bits a sample"));
}

TEST(DecodeJpegTest, RefusesAnUnknownHeight) {
  std::vector<uint8_t> bytes = ReadGolden("decode/rgb_444.jpg");
  const size_t frame = Find(bytes, 0xC0);
  bytes[frame + 5] = bytes[frame + 6] = 0;
  EXPECT_THAT(Message(bytes), HasSubstr("45 x 0"));
}

// Repeats the first scan of a progressive file: each one is a pass over the whole image.
TEST(DecodeJpegTest, LimitsTheScansOfAProgressiveFile) {
  std::vector<uint8_t> bytes = ReadGolden("decode/grey_progressive.jpg");
  const auto begin = bytes.begin() + static_cast<ptrdiff_t>(Find(bytes, 0xDA));
  auto end = begin + 2;
  while (!(end[0] == 0xFF && end[1] != 0)) ++end;
  const std::vector<uint8_t> scan(begin, end);
  const auto with_scans = [&](int count) {
    std::vector<uint8_t> file(bytes.begin(), end);
    for (int i = 0; i < count; ++i) file.insert(file.end(), scan.begin(), scan.end());
    file.insert(file.end(), end, bytes.end());
    return file;
  };
  EXPECT_EQ(Message(with_scans(50)), "");
  EXPECT_THAT(Message(with_scans(101)), HasSubstr("more than 100 scans"));
}

// A frame header of 60 megapixels over three rows of data.
TEST(DecodeJpegTest, ReportsALargeImageWithLittleData) {
  std::vector<uint8_t> bytes = ReadGolden("decode/rgb_444.jpg");
  const size_t frame = Find(bytes, 0xC0);
  bytes[frame + 5] = 0x1E;
  bytes[frame + 7] = 0x1E;
  EXPECT_THAT(Message(bytes), HasSubstr("truncated"));
}

}  // namespace
}  // namespace snapvit
