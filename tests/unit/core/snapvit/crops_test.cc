#include "core/snapvit/crops.h"

#include <gtest/gtest.h>

namespace snapvit {
namespace {

TEST(RandomCropBox, StaysInsideWithAllowedAreaAndAspectRatio) {
  Random random(1);
  for (const CropRange& range : {kGlobalCrop, kLocalCrop}) {
    for (int i = 0; i < 2000; ++i) {
      const CropBox box = RandomCropBox(200, 150, range, random);
      ASSERT_GE(box.x, 0);
      ASSERT_GE(box.y, 0);
      ASSERT_LE(box.x + box.width, 200);
      ASSERT_LE(box.y + box.height, 150);
      const double area = box.width * box.height / (200.0 * 150);
      const double ratio = static_cast<double>(box.width) / box.height;
      ASSERT_GT(area, range.min_area * 0.95);
      ASSERT_LT(area, range.max_area * 1.05);
      ASSERT_GT(ratio, 0.72);
      ASSERT_LT(ratio, 1.39);
    }
  }
}

TEST(RandomCropBox, ViewsOfOneImageDiffer) {
  Random random(1);
  const CropBox first = RandomCropBox(200, 150, kGlobalCrop, random);
  const CropBox second = RandomCropBox(200, 150, kGlobalCrop, random);
  EXPECT_FALSE(first.x == second.x && first.y == second.y && first.width == second.width);
}

TEST(RandomCropBox, FallsBackToTheCentreOfAStrip) {
  Random random(1);
  const CropBox box = RandomCropBox(1000, 10, kGlobalCrop, random);
  EXPECT_EQ(box.height, 10);
  EXPECT_EQ(box.width, 13);  // 4:3
  EXPECT_EQ(box.x, 493);
}

}  // namespace
}  // namespace snapvit
