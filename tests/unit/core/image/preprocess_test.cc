#include "core/image/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

CropMode CropModeOf(const std::string& name) {
  if (name == "squash") return CropMode::kSquash;
  if (name == "border") return CropMode::kBorder;
  EXPECT_EQ(name, "center");
  return CropMode::kCenter;
}

Preprocessing Imagenet224() {
  Preprocessing preprocessing;
  preprocessing.height = preprocessing.width = 224;
  preprocessing.crop_pct = 0.9;
  preprocessing.mean = {0.485f, 0.456f, 0.406f};
  preprocessing.std = {0.229f, 0.224f, 0.225f};
  return preprocessing;
}

// Photo sizes, tiny and very long images; square and other inputs; all modes and filters.
TEST(PreprocessTest, EqualsTimmOnEveryGoldenCase) {
  const auto rows = ReadGoldenTable("preprocess.tsv");
  ASSERT_GE(rows.size(), 80u);
  for (const std::vector<std::string>& row : rows) {
    const Image image = SyntheticImage(std::stoi(row[0]), std::stoi(row[1]),
                                       static_cast<uint32_t>(std::stoul(row[2])));
    Preprocessing preprocessing;
    preprocessing.crop_mode = CropModeOf(row[3]);
    preprocessing.interpolation = InterpolationOf(row[4]);
    preprocessing.crop_pct = std::stod(row[5]);
    preprocessing.height = std::stoi(row[6]);
    preprocessing.width = std::stoi(row[7]);
    for (size_t c = 0; c < 3; ++c) {
      preprocessing.mean[c] = std::stof(row[8 + c]);
      preprocessing.std[c] = std::stof(row[11 + c]);
    }
    SCOPED_TRACE(row[0] + "x" + row[1] + " " + row[3] + " " + row[4] + " " + row[5] + " to " +
                 row[7] + "x" + row[6]);
    const Image cropped = ResizeAndCrop(image, preprocessing);
    EXPECT_EQ(cropped.width, preprocessing.width);
    EXPECT_EQ(cropped.height, preprocessing.height);
    EXPECT_EQ(Sha256Hex(cropped.rgb.data(), cropped.rgb.size()), row[14]);
    std::vector<float> out(cropped.rgb.size());
    ASSERT_TRUE(Preprocess(image, preprocessing, out).ok());
    EXPECT_EQ(Sha256Hex(out.data(), out.size() * sizeof(float)), row[15]);
  }
}

TEST(PreprocessTest, WritesPlanes) {
  Preprocessing preprocessing;
  preprocessing.height = 2;
  preprocessing.width = 3;
  preprocessing.mean = {0.5f, 0.5f, 0.5f};
  preprocessing.std = {0.5f, 0.5f, 0.25f};
  Image image{3, 2, {}};
  for (int i = 0; i < 6; ++i) image.rgb.insert(image.rgb.end(), {255, 0, 255});
  std::vector<float> out(18);
  ASSERT_TRUE(Preprocess(image, preprocessing, out).ok());
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(out[i], 1.0f);
    EXPECT_EQ(out[6 + i], -1.0f);
    EXPECT_EQ(out[12 + i], 2.0f);
  }
}

// timm fails where the shorter edge rounds to 0; one line of the picture is left here.
TEST(PreprocessTest, LeavesOnePixelOfAVeryLongImageInABorder) {
  Preprocessing preprocessing = Imagenet224();
  preprocessing.crop_mode = CropMode::kBorder;
  preprocessing.crop_pct = 1.0;
  Image image{2000, 1, std::vector<uint8_t>(6000, 255)};
  const Image out = ResizeAndCrop(image, preprocessing);
  EXPECT_EQ(out.rgb[(111 * 224 + 5) * 3], 255);
  EXPECT_EQ(out.rgb[(110 * 224 + 5) * 3], 124);  // round(255 * 0.485)
  EXPECT_EQ(out.rgb[(112 * 224 + 5) * 3], 124);
}

TEST(PreprocessTest, TakesALongStripWithoutScalingAllOfIt) {
  const Image strip = SyntheticImage(65535, 1, 1);
  std::vector<float> out(3 * 224 * 224);
  EXPECT_TRUE(Preprocess(strip, Imagenet224(), out).ok());
}

TEST(PreprocessTest, RefusesAnOutputOfAnotherSize) {
  std::vector<float> out(3 * 224 * 223);
  const absl::Status status = Preprocess(SyntheticImage(10, 10, 1), Imagenet224(), out);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("149856 floats; expected 3 x 224 x 224 = 150528"));
}

TEST(PreprocessTest, RefusesAnEmptyImage) {
  std::vector<float> out(3 * 224 * 224);
  EXPECT_EQ(Preprocess(Image{}, Imagenet224(), out).code(), absl::StatusCode::kInvalidArgument);
}

TEST(ValidatePreprocessingTest, NamesTheFieldThatIsWrong) {
  EXPECT_TRUE(ValidatePreprocessing(Imagenet224()).ok());
  const auto message = [](auto change) {
    Preprocessing preprocessing = Imagenet224();
    change(preprocessing);
    return std::string(ValidatePreprocessing(preprocessing).message());
  };
  EXPECT_THAT(message([](Preprocessing& p) { p.width = 0; }), HasSubstr("0 x 224"));
  EXPECT_THAT(message([](Preprocessing& p) { p.crop_pct = 0; }), HasSubstr("crop_pct is 0"));
  EXPECT_THAT(
      message([](Preprocessing& p) { p.crop_pct = std::numeric_limits<double>::quiet_NaN(); }),
      HasSubstr("crop_pct is nan"));
  EXPECT_THAT(message([](Preprocessing& p) { p.std[1] = 0; }), HasSubstr("std[1] is 0"));
  EXPECT_THAT(message([](Preprocessing& p) { p.mean[2] = std::numeric_limits<float>::infinity(); }),
              HasSubstr("mean[2] is inf"));
}

}  // namespace
}  // namespace snapvit
