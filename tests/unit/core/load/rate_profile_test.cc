#include "core/load/rate_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace snapvit {
namespace {

using ::testing::HasSubstr;

TEST(RateProfile, StepsAndRampsFollowOneAnother) {
  const auto rate = RateProfile::Parse("100:5s, 100..900:10, 0:1s, 300");
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_EQ(rate->RateAt(4.9), 100);
  EXPECT_EQ(rate->RateAt(10), 500);
  EXPECT_EQ(rate->RateAt(15.5), 0);
  EXPECT_EQ(rate->RateAt(1e6), 300);
  EXPECT_TRUE(std::isinf(rate->seconds()));
  EXPECT_DOUBLE_EQ(rate->ExpectedBefore(10), 500 + (100 + 500) / 2.0 * 5);
}

TEST(RateProfile, TimeOfIsTheInverseOfExpectedBefore) {
  const auto rate = RateProfile::Parse("10:2s,0..50:4s,50..10:3s,0:2s,7");
  ASSERT_TRUE(rate.ok()) << rate.status();
  for (double seconds = 0.01; seconds < 30; seconds += 0.13) {
    if (rate->RateAt(seconds) == 0) continue;  // any time of a pause is right
    const std::optional<double> time = rate->TimeOf(rate->ExpectedBefore(seconds));
    ASSERT_TRUE(time.has_value()) << seconds;
    EXPECT_NEAR(*time, seconds, 1e-9);
  }
}

TEST(RateProfile, NothingArrivesAfterItsEnd) {
  const auto rate = RateProfile::Parse("10:2s,10..0:1s");
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_EQ(rate->seconds(), 3);
  EXPECT_EQ(rate->RateAt(3), 0);
  EXPECT_EQ(rate->ExpectedBefore(100), 25);
  EXPECT_NEAR(*rate->TimeOf(24.999), 3, 0.05);
  EXPECT_EQ(rate->TimeOf(25), std::nullopt);
  EXPECT_EQ(RateProfile::Constant(0).TimeOf(0), std::nullopt);
}

TEST(RateProfile, WrongTextsAreNamedWithWhatIsExpected) {
  for (const char* bad : {"", "fast", "10:", "10:5s:3", "1..:5s", "10:5s,"}) {
    const auto rate = RateProfile::Parse(bad);
    EXPECT_THAT(std::string(rate.status().message()), HasSubstr("100:5s,100..900:30s")) << bad;
  }
  EXPECT_THAT(std::string(RateProfile::Parse("5:3s,-1").status().message()),
              HasSubstr("piece 2 of the rate is -1"));
  EXPECT_THAT(std::string(RateProfile::Parse("5,6:3s").status().message()),
              HasSubstr("piece 1 of the rate takes inf s"));
  EXPECT_FALSE(RateProfile::Parse("1..2").ok()) << "an endless ramp";
  EXPECT_FALSE(RateProfile::Parse("nan").ok());
  EXPECT_FALSE(RateProfile::Parse("inf").ok());
  EXPECT_FALSE(RateProfile::Parse("5:0").ok());
  EXPECT_FALSE(RateProfile::Create({}).ok());
}

}  // namespace
}  // namespace snapvit
