#include "core/image/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Preprocessing Imagenet224() {
  Preprocessing preprocessing;
  preprocessing.height = preprocessing.width = 224;
  preprocessing.resize_to = ImageSize{248, 248};
  preprocessing.mean = {0.485f, 0.456f, 0.406f};
  preprocessing.std = {0.229f, 0.224f, 0.225f};
  return preprocessing;
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
  preprocessing.resize = ResizeMode::kFit;
  preprocessing.resize_to = ImageSize{224, 224};
  preprocessing.fill = {124, 116, 104};
  Image image{2000, 1, std::vector<uint8_t>(6000, 255)};
  const Image out = ResizeAndCrop(image, preprocessing);
  EXPECT_EQ(out.rgb[(111 * 224 + 5) * 3], 255);
  EXPECT_EQ(out.rgb[(110 * 224 + 5) * 3], 124);
  EXPECT_EQ(out.rgb[(112 * 224 + 5) * 3], 124);
}

// 5 pixels in an input of 8: one of the three around them is the odd one.
TEST(PreprocessTest, CutsAndPadsWhereTheCenteringSays) {
  Preprocessing preprocessing;
  preprocessing.height = 1;
  preprocessing.resize = ResizeMode::kKeep;
  const auto out = [&preprocessing](int input, int width, Centering centering) {
    preprocessing.width = input;
    preprocessing.centering = centering;
    Image image{width, 1, {}};
    for (int x = 1; x <= width; ++x) image.rgb.insert(image.rgb.end(), 3, static_cast<uint8_t>(x));
    const Image cut = ResizeAndCrop(image, preprocessing);
    std::vector<int> red;
    for (size_t i = 0; i < cut.rgb.size(); i += 3) red.push_back(cut.rgb[i]);
    return red;
  };
  EXPECT_THAT(out(8, 5, Centering::kTimm), ElementsAre(0, 1, 2, 3, 4, 5, 0, 0));
  EXPECT_THAT(out(8, 5, Centering::kTransformersTorch), ElementsAre(0, 1, 2, 3, 4, 5, 0, 0));
  EXPECT_THAT(out(8, 5, Centering::kTransformersPil), ElementsAre(0, 0, 1, 2, 3, 4, 5, 0));
  EXPECT_THAT(out(2, 5, Centering::kTimm), ElementsAre(3, 4));        // round(1.5)
  EXPECT_THAT(out(4, 5, Centering::kTimm), ElementsAre(1, 2, 3, 4));  // round(0.5)
  EXPECT_THAT(out(2, 5, Centering::kTransformersTorch), ElementsAre(2, 3));
  EXPECT_THAT(out(2, 5, Centering::kTransformersPil), ElementsAre(2, 3));
}

TEST(PreprocessTest, RefusesAnotherSizeWhereNothingIsScaledOrCut) {
  Preprocessing preprocessing;
  preprocessing.height = 2;
  preprocessing.width = 3;
  preprocessing.resize = ResizeMode::kRequireInputSize;
  std::vector<float> out(18);
  EXPECT_TRUE(Preprocess(SyntheticImage(3, 2, 1), preprocessing, out).ok());
  const absl::Status status = Preprocess(SyntheticImage(2, 3, 1), preprocessing, out);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("image is 2 x 3; expected 3 x 2"));
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
  EXPECT_THAT(message([](Preprocessing& p) {
                p.resize_to = ImageSize{224, 0};
              }),
              HasSubstr("resize target is 0 x 224"));
  EXPECT_THAT(message([](Preprocessing& p) {
                p.float_resize = true;
                p.interpolation = Interpolation::kBox;
              }),
              HasSubstr("float32 is bilinear or bicubic only"));
  EXPECT_THAT(message([](Preprocessing& p) { p.rescale = 0; }), HasSubstr("rescale is 0"));
  EXPECT_THAT(message([](Preprocessing& p) { p.std[1] = 0; }), HasSubstr("std[1] is 0"));
  EXPECT_THAT(message([](Preprocessing& p) { p.mean[2] = std::numeric_limits<float>::infinity(); }),
              HasSubstr("mean[2] is inf"));
}

}  // namespace
}  // namespace snapvit
