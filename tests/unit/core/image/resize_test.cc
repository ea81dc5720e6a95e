#include "core/image/resize.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

// Sizes from 1 to 3000, up, down and on one axis only, on either side of the rule for the order of
// the passes.
TEST(ResizeTest, EqualsPillowOnEveryGoldenCase) {
  const auto rows = ReadGoldenTable("resize.tsv");
  ASSERT_GE(rows.size(), 360u);
  for (const std::vector<std::string>& row : rows) {
    const Image image = SyntheticImage(std::stoi(row[0]), std::stoi(row[1]),
                                       static_cast<uint32_t>(std::stoul(row[5])));
    const Image out = Resize(image, std::stoi(row[2]), std::stoi(row[3]), InterpolationOf(row[4]));
    EXPECT_EQ(out.width, std::stoi(row[2]));
    EXPECT_EQ(out.height, std::stoi(row[3]));
    EXPECT_EQ(Sha256Hex(out.rgb.data(), out.rgb.size()), row[6])
        << row[0] << "x" << row[1] << " to " << row[2] << "x" << row[3] << " " << row[4];
  }
}

TEST(ResizeTest, EqualsPillowByteForByte) {
  const Image image = SyntheticImage(61, 47, 7);
  for (const std::string name : {"bilinear", "bicubic", "lanczos", "nearest", "box", "hamming"}) {
    const Image out = Resize(image, 40, 53, InterpolationOf(name));
    EXPECT_EQ(ComparePixels(out, ReadGolden("resize_61x47_to_40x53_" + name + ".rgb")), "equal")
        << name;
  }
}

TEST(ResizeTest, KeepsAnImageOfTheWantedSize) {
  const Image image = SyntheticImage(30, 20, 1);
  EXPECT_EQ(Resize(image, 30, 20, Interpolation::kBicubic).rgb, image.rgb);
}

TEST(ResizeTest, KeepsAFlatColour) {
  Image image{50, 40, {}};
  for (int i = 0; i < 50 * 40; ++i) image.rgb.insert(image.rgb.end(), {17, 128, 255});
  for (const Interpolation filter :
       {Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kLanczos,
        Interpolation::kNearest, Interpolation::kBox, Interpolation::kHamming}) {
    const Image out = Resize(image, 71, 13, filter);
    for (size_t i = 0; i < out.rgb.size(); i += 3) {
      ASSERT_EQ((std::vector<uint8_t>{out.rgb[i], out.rgb[i + 1], out.rgb[i + 2]}),
                (std::vector<uint8_t>{17, 128, 255}));
    }
  }
}

TEST(ResizeWindowTest, EqualsCroppingTheWholeResult) {
  std::mt19937 random(1);
  const auto up_to = [&random](int n) {
    return static_cast<int>(random() % static_cast<uint32_t>(n)) + 1;
  };
  for (int i = 0; i < 200; ++i) {
    const Image image = SyntheticImage(up_to(90), up_to(90), static_cast<uint32_t>(i));
    // Now and then an axis keeps its size.
    const int width = random() % 5 == 0 ? image.width : up_to(120);
    const int height = random() % 5 == 0 ? image.height : up_to(120);
    const auto filter = static_cast<Interpolation>(random() % 6);
    const int x = up_to(width) - 1, y = up_to(height) - 1;
    const Box window{x, y, up_to(width - x), up_to(height - y)};
    const Image whole = Resize(image, width, height, filter);
    const Image part = ResizeWindow(image, width, height, window, filter);
    EXPECT_EQ(part.rgb, Crop(whole, x, y, window.width, window.height).rgb)
        << image.width << "x" << image.height << " to " << width << "x" << height;
  }
}

// A strip scaled to a shorter edge of 256 would have 15 million x 256 pixels: only the window may
// be computed.
TEST(ResizeWindowTest, ComputesOnlyTheWindow) {
  const Image strip = SyntheticImage(60000, 1, 3);
  const Image out = ResizeWindow(strip, int64_t{60000} * 256, 256, Box{7'000'000, 16, 224, 224},
                                 Interpolation::kBicubic);
  EXPECT_EQ(out.width, 224);
  EXPECT_EQ(out.height, 224);
}

TEST(CropTest, CopiesTheRectangle) {
  const Image image = SyntheticImage(7, 5, 2);
  const Image out = Crop(image, 2, 1, 3, 4);
  ASSERT_EQ(out.width, 3);
  ASSERT_EQ(out.height, 4);
  for (int y = 0; y < 4; ++y) {
    for (int b = 0; b < 9; ++b) {
      EXPECT_EQ(out.rgb[static_cast<size_t>(y * 9 + b)],
                image.rgb[static_cast<size_t>((y + 1) * 21 + 6 + b)]);
    }
  }
}

}  // namespace
}  // namespace snapvit
