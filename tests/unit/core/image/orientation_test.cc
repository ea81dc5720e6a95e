#include "core/image/orientation.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace snapvit {
namespace {

// Each pixel's red names it: 0 1 2 / 3 4 5.
Image Numbered() {
  Image image{3, 2, {}};
  for (uint8_t i = 0; i < 6; ++i) image.rgb.insert(image.rgb.end(), {i, 100, 200});
  return image;
}

std::string Reds(const Image& image) {
  std::string text;
  for (int y = 0; y < image.height; ++y) {
    if (y > 0) text += '/';
    for (int x = 0; x < image.width; ++x) {
      text += static_cast<char>('0' + image.rgb[static_cast<size_t>(y * image.width + x) * 3]);
    }
  }
  return text;
}

TEST(ApplyOrientationTest, TurnsAndMirrorsAsTheSpecificationSays) {
  const char* const kExpected[] = {"012/345",  "210/543",  "543/210",  "345/012",
                                   "03/14/25", "30/41/52", "52/41/30", "25/14/03"};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(Reds(ApplyOrientation(Numbered(), orientation)), kExpected[orientation - 1])
        << orientation;
  }
  EXPECT_EQ(Reds(ApplyOrientation(Numbered(), 0)), "012/345");
  EXPECT_EQ(Reds(ApplyOrientation(Numbered(), 9)), "012/345");
}

}  // namespace
}  // namespace snapvit
