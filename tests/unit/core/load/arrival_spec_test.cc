#include "core/load/arrival_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

int CountBefore(Arrivals& arrivals, absl::Duration end) {
  int count = 0;
  for (auto next = arrivals.Next(); next.has_value() && *next < end; next = arrivals.Next()) {
    ++count;
  }
  return count;
}

TEST(ArrivalSpec, PartsHaveTheirOwnRateOrTheCommonOne) {
  const auto spec = ArrivalSpec::Parse("constant@200 + constant", RateProfile::Constant(50));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(CountBefore(*spec->Start(1), absl::Seconds(10)), 2500);
  EXPECT_EQ(spec->RateAt(absl::Seconds(3)), 250);
  EXPECT_EQ(spec->length(), absl::InfiniteDuration());
}

TEST(ArrivalSpec, PartsThatAreAlikeAreNotTheSame) {
  const auto spec = ArrivalSpec::Parse("poisson@5+poisson@5", std::nullopt);
  ASSERT_TRUE(spec.ok()) << spec.status();
  const auto arrivals = spec->Start(1);
  EXPECT_NE(arrivals->Next(), arrivals->Next());
}

TEST(ArrivalSpec, AWarmUpGoesOnAtTheFirstRate) {
  const auto spec = ArrivalSpec::Parse("constant", *RateProfile::Parse("10:1s,500:1s"));
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->length(), absl::Seconds(2));
  EXPECT_EQ(CountBefore(*spec->StartSteady(1), absl::Seconds(100)), 1000);
}

TEST(ArrivalSpec, ATraceHasItsOwnTimes) {
  const TemporaryFolder folder;
  const std::string text = "trace:" + folder.Write("t.txt", "0\n1\n1.5\n2\n");
  const auto spec = ArrivalSpec::Parse(text, std::nullopt);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(CountBefore(*spec->Start(1), absl::InfiniteDuration()), 4);
  EXPECT_EQ(spec->length(), absl::Seconds(2));
  EXPECT_EQ(spec->RateAt(absl::Seconds(1)), 2);
  EXPECT_FALSE(ArrivalSpec::Parse(text, RateProfile::Constant(1)).ok());
}

TEST(ArrivalSpec, TheMeanRateOfAShortTraceIsOverASecond) {
  const TemporaryFolder folder;
  const auto spec =
      ArrivalSpec::Parse("trace:" + folder.Write("t.txt", "0\n0\n0\n0\n"), std::nullopt);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->RateAt(absl::ZeroDuration()), 4);
  EXPECT_EQ(spec->length(), absl::ZeroDuration());
  EXPECT_LT(CountBefore(*spec->StartSteady(1), absl::Seconds(10)), 100) << "40 are expected";
}

TEST(ArrivalSpec, WhatIsWrongIsNamed) {
  const auto error = [](const std::string& text) {
    return std::string(ArrivalSpec::Parse(text, RateProfile::Constant(1)).status().message());
  };
  for (const char* bad :
       {"", "bursty", "gamma", "gamma:0", "gamma:1e-320", "gamma:1e7", "gamma:x", "poisson+"}) {
    EXPECT_THAT(error(bad), HasSubstr("gamma:CV2")) << bad;
  }
  EXPECT_THAT(error("poisson@fast"), HasSubstr("'fast' is no rate"));
  EXPECT_THAT(error("trace:/no/such"), HasSubstr("/no/such"));
  EXPECT_THAT(error("poisson@5"), HasSubstr("no other rate"));
  EXPECT_THAT(std::string(ArrivalSpec::Parse("poisson", std::nullopt).status().message()),
              HasSubstr("'poisson' have no rate"));
}

}  // namespace
}  // namespace snapvit
