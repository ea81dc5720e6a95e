#include "core/image/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A row of decode.tsv: a fixture, whether EXIF is applied, and the pixels that Pillow gives.
struct DecodeCase {
  std::string file;
  bool exif;
  int width;
  int height;
  std::string pixels;
};

std::vector<DecodeCase> DecodeCases() {
  std::vector<DecodeCase> cases;
  for (const std::vector<std::string>& row : ReadGoldenTable("decode.tsv")) {
    cases.push_back({row[0], row[1] == "1", std::stoi(row[2]), std::stoi(row[3]), row[4]});
  }
  return cases;
}

class DecodeImageGoldenTest : public ::testing::TestWithParam<DecodeCase> {};

TEST_P(DecodeImageGoldenTest, EqualsPillow) {
  const DecodeCase& golden = GetParam();
  DecodeOptions options;
  options.apply_exif_orientation = golden.exif;
  const absl::StatusOr<Image> image = DecodeImage(ReadGolden("decode/" + golden.file), options);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->width, golden.width);
  EXPECT_EQ(image->height, golden.height);
  EXPECT_EQ(ComparePixels(*image, ReadGolden("decode/" + golden.pixels)), "equal");
}

std::string CaseName(const ::testing::TestParamInfo<DecodeCase>& test) {
  std::string name = test.param.file + (test.param.exif ? "" : "_stored");
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, DecodeImageGoldenTest, ::testing::ValuesIn(DecodeCases()),
                         CaseName);

TEST(ReadImageInfoTest, GivesFormatAndStoredSize) {
  const struct {
    const char* file;
    ImageFormat format;
    int width;
    int height;
  } kCases[] = {{"orientation_6.jpg", ImageFormat::kJpeg, 21, 14},
                {"progressive_420.jpg", ImageFormat::kJpeg, 45, 31},
                {"exif_before.png", ImageFormat::kPng, 23, 17},
                {"lossy.webp", ImageFormat::kWebp, 45, 31},
                {"lossless.webp", ImageFormat::kWebp, 45, 31},
                {"animated_offset.webp", ImageFormat::kWebp, 60, 44}};
  for (const auto& golden : kCases) {
    SCOPED_TRACE(golden.file);
    const absl::StatusOr<ImageInfo> info =
        ReadImageInfo(ReadGolden(std::string("decode/") + golden.file));
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->format, golden.format);
    EXPECT_EQ(info->width, golden.width);
    EXPECT_EQ(info->height, golden.height);
  }
}

TEST(ReadImageInfoTest, NeedsOnlyTheHeader) {
  for (const char* file : {"rgb_420.jpg", "rgb_8.png", "lossy.webp", "lossless.webp"}) {
    SCOPED_TRACE(file);
    std::vector<uint8_t> bytes = ReadGolden(std::string("decode/") + file);
    bytes.resize(bytes.size() * 7 / 8);
    EXPECT_TRUE(ReadImageInfo(bytes).ok()) << ReadImageInfo(bytes).status();
  }
}

TEST(DecodeImageTest, RefusesNoBytes) {
  const absl::Status status = DecodeImage({}, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("empty (0 bytes)"));
}

TEST(DecodeImageTest, RefusesOtherFilesWithTheirFirstBytes) {
  const std::string text = "hello, this is text";
  const absl::Status status = DecodeImage(Bytes(text), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("JPEG, PNG or WebP"), HasSubstr("0x68656c6c6f2c207468697320"),
                    HasSubstr("19 bytes")));
}

TEST(DecodeImageTest, RefusesSignaturesWithoutMore) {
  for (const std::string& text :
       {std::string("\xFF\xD8\xFF", 3), std::string("\x89PNG\r\n\x1A\n", 8),
        std::string("RIFF\x40\0\0\0WEBP", 12)}) {
    const absl::Status status = DecodeImage(Bytes(text), {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("truncated"));
  }
}

// Headers of a few bytes that claim the largest image of their format.
std::string JpegBomb() {
  return std::string(
      "\xFF\xD8\xFF\xC0\x00\x11\x08\xFF\xFF\xFF\xFF\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01", 21);
}
std::string PngBomb() {
  return std::string(
      "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\x01\x86\xA0\0\x01\x86\xA0\x08\x02\0\0\0\xC7\x0B\x4B\x1D",
      33);
}
std::string WebpBomb() {
  return std::string("RIFF\x16\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\xFF\x3F\0\xFF\x3F\0", 30);
}

TEST(DecodeImageTest, RefusesHugeImagesFromTheHeader) {
  const struct {
    std::string bytes;
    const char* size;
  } kCases[] = {{JpegBomb(), "65535 x 65535 = 4294836225 pixels"},
                {PngBomb(), "100000 x 100000 = 10000000000 pixels"},
                {WebpBomb(), "16384 x 16384 = 268435456 pixels"}};
  for (const auto& bomb : kCases) {
    EXPECT_TRUE(ReadImageInfo(Bytes(bomb.bytes)).ok()) << ReadImageInfo(Bytes(bomb.bytes)).status();
    const absl::Status status = DecodeImage(Bytes(bomb.bytes), {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(bomb.size), HasSubstr("limit is 64000000")));
  }
}

TEST(DecodeImageTest, TakesTheLimitItself) {
  const std::vector<uint8_t> bytes = ReadGolden("decode/rgb_420.jpg");  // 45 x 31
  DecodeOptions options;
  options.max_pixels = 45 * 31;
  EXPECT_TRUE(DecodeImage(bytes, options).ok());
  options.max_pixels = 45 * 31 - 1;
  EXPECT_EQ(DecodeImage(bytes, options).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace snapvit
