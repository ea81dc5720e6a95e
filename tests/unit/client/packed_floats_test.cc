#include "client/packed_floats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace snapvit::client {
namespace {

using ::testing::ElementsAre;

TEST(HalfToFloat, GivesExactValues) {
  EXPECT_EQ(HalfToFloat(0x0000), 0.0f);
  EXPECT_EQ(HalfToFloat(0x3c00), 1.0f);
  EXPECT_EQ(HalfToFloat(0xc000), -2.0f);
  EXPECT_EQ(HalfToFloat(0x3555), 0.333251953125f);
  EXPECT_EQ(HalfToFloat(0x7bff), 65504.0f);                 // largest
  EXPECT_EQ(HalfToFloat(0x0400), 6.103515625e-05f);         // smallest normal
  EXPECT_EQ(HalfToFloat(0x0001), 5.9604644775390625e-08f);  // smallest subnormal
  EXPECT_EQ(HalfToFloat(0x83ff), -6.097555160522461e-05f);  // largest subnormal, negative
}

TEST(HalfToFloat, KeepsSignedZeroInfinityAndNaN) {
  EXPECT_TRUE(std::signbit(HalfToFloat(0x8000)));
  EXPECT_EQ(HalfToFloat(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_EQ(HalfToFloat(0xfc00), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(HalfToFloat(0x7e00)));
}

TEST(BFloat16ToFloat, IsTheUpperHalfOfABinary32) {
  EXPECT_EQ(BFloat16ToFloat(0x3f80), 1.0f);
  EXPECT_EQ(BFloat16ToFloat(0xc049), -3.140625f);
}

TEST(UnpackFloats, ReadsLittleEndianWords) {
  EXPECT_THAT(*UnpackFloats(v1::DTYPE_FP16, std::string("\x00\x3c\x00\xc0", 4), 0),
              ElementsAre(1.0f, -2.0f));
  EXPECT_THAT(*UnpackFloats(v1::DTYPE_BF16, std::string("\x80\x3f", 2), 0), ElementsAre(1.0f));
}

TEST(UnpackFloats, MultipliesSignedBytesByTheScale) {
  EXPECT_THAT(*UnpackFloats(v1::DTYPE_INT8, std::string("\x7f\x80\x00", 3), 0.5f),
              ElementsAre(63.5f, -64.0f, 0.0f));
}

TEST(UnpackFloats, RefusesWhatIsNoEmbedding) {
  EXPECT_FALSE(UnpackFloats(v1::DTYPE_FP16, "abc", 0).ok());
  EXPECT_FALSE(UnpackFloats(v1::DTYPE_UINT8, "abc", 1).ok());
  EXPECT_FALSE(UnpackFloats(v1::DTYPE_UNSPECIFIED, "", 1).ok());
}

}  // namespace
}  // namespace snapvit::client
