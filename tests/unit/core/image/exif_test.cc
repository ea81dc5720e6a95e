#include "core/image/exif.h"

#include <gtest/gtest.h>

#include <vector>

namespace snapvit {
namespace {

// One IFD at offset 8 with a single entry.
std::vector<uint8_t> LittleEndianExif(uint8_t tag_low, uint8_t type, uint8_t count, uint8_t value) {
  return {'I', 'I',   42, 0, 8, 0,     0, 0, 1, 0, tag_low, 0x01, type,
          0,   count, 0,  0, 0, value, 0, 0, 0, 0, 0,       0,    0};
}

TEST(ParseExifOrientationTest, ReadsBothByteOrders) {
  EXPECT_EQ(ParseExifOrientation(LittleEndianExif(0x12, 3, 1, 6)), 6);
  const std::vector<uint8_t> big = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0,
                                    3,   0,   0, 0,  1, 0, 8, 0, 0, 0, 0,    0,    0};
  EXPECT_EQ(ParseExifOrientation(big), 8);
}

TEST(ParseExifOrientationTest, SkipsTheExifPrefix) {
  std::vector<uint8_t> block = LittleEndianExif(0x12, 3, 1, 5);
  block.insert(block.begin(), {'E', 'x', 'i', 'f', 0, 0});
  EXPECT_EQ(ParseExifOrientation(block), 5);
}

TEST(ParseExifOrientationTest, ReadsLongsAndTheFirstOfTwoShorts) {
  EXPECT_EQ(ParseExifOrientation(LittleEndianExif(0x12, 4, 1, 3)), 3);
  EXPECT_EQ(ParseExifOrientation(LittleEndianExif(0x12, 3, 2, 3)), 3);
}

TEST(ParseExifOrientationTest, IsUprightForWhatMakesNoSense) {
  EXPECT_EQ(ParseExifOrientation({}), 1);
  EXPECT_EQ(ParseExifOrientation(LittleEndianExif(0x12, 3, 1, 0)), 1);
  EXPECT_EQ(ParseExifOrientation(LittleEndianExif(0x12, 3, 1, 9)), 1);
  EXPECT_EQ(ParseExifOrientation(LittleEndianExif(0x12, 2, 1, 6)), 1);   // text
  EXPECT_EQ(ParseExifOrientation(LittleEndianExif(0x12, 3, 99, 6)), 1);  // values elsewhere
  EXPECT_EQ(ParseExifOrientation(LittleEndianExif(0x0F, 3, 1, 6)), 1);   // another tag
  std::vector<uint8_t> block = LittleEndianExif(0x12, 3, 1, 6);
  block[2] = 43;
  EXPECT_EQ(ParseExifOrientation(block), 1);
}

TEST(ParseExifOrientationTest, SurvivesCutsAndWildOffsets) {
  std::vector<uint8_t> block = LittleEndianExif(0x12, 3, 1, 6);
  for (size_t size = 0; size < 22; ++size) {
    EXPECT_EQ(ParseExifOrientation(std::span(block).first(size)), 1) << size;
  }
  for (const uint8_t byte : {uint8_t{0x20}, uint8_t{0x7F}, uint8_t{0xFF}}) {
    block[4] = block[5] = block[6] = block[7] = byte;
    EXPECT_EQ(ParseExifOrientation(block), 1);
  }
}

}  // namespace
}  // namespace snapvit
