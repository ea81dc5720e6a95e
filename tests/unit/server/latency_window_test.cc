#include "server/latency_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace snapvit {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Requests of at most 0.1 s, at most 0.2 s, and all.
LatencyTotals Totals(const std::string& budget, uint64_t fast, uint64_t medium, uint64_t all) {
  return {budget, {{0.1, fast}, {0.2, medium}, {kInfinity, all}}};
}

absl::Time At(double seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); }

TEST(LatencyWindow, QuantilesAreLinearBetweenBounds) {
  const LatencyWindow window(absl::Minutes(1));
  const auto quantiles = window.Quantiles({Totals("0.5", 50, 100, 100)});
  ASSERT_THAT(quantiles, SizeIs(1));
  EXPECT_EQ(quantiles[0].budget, "0.5");
  EXPECT_EQ(quantiles[0].requests, 100U);
  EXPECT_DOUBLE_EQ(quantiles[0].p50_seconds, 0.1);
  EXPECT_DOUBLE_EQ(quantiles[0].p99_seconds, 0.198);
}

TEST(LatencyWindow, AboveTheLastBoundItIsThatBound) {
  const LatencyWindow window(absl::Minutes(1));
  const auto quantiles = window.Quantiles({Totals("0.5", 0, 0, 10)});
  ASSERT_THAT(quantiles, SizeIs(1));
  EXPECT_DOUBLE_EQ(quantiles[0].p50_seconds, 0.2);
}

TEST(LatencyWindow, OnlyRequestsOfTheWindowCount) {
  LatencyWindow window(absl::Seconds(10));
  window.Sample(At(0), {Totals("0.5", 0, 0, 0)});
  window.Sample(At(5), {Totals("0.5", 100, 100, 100)});
  window.Sample(At(10), {Totals("0.5", 100, 100, 100)});
  window.Sample(At(15), {Totals("0.5", 100, 100, 100)});  // the window begins at 5 s
  const auto quantiles = window.Quantiles({Totals("0.5", 100, 200, 200)});
  ASSERT_THAT(quantiles, SizeIs(1));
  EXPECT_EQ(quantiles[0].requests, 100U);
  EXPECT_DOUBLE_EQ(quantiles[0].p50_seconds, 0.15);
}

TEST(LatencyWindow, LevelsWithoutRequestsAreLeftOut) {
  LatencyWindow window(absl::Seconds(10));
  window.Sample(At(0), {Totals("0.5", 7, 8, 9)});
  EXPECT_THAT(window.Quantiles({Totals("0.5", 7, 8, 9)}), IsEmpty());
}

TEST(LatencyWindow, ALevelOfANewLadderCountsFromZero) {
  LatencyWindow window(absl::Seconds(10));
  window.Sample(At(0), {Totals("1.0", 1, 1, 1)});
  const auto quantiles = window.Quantiles({Totals("0.3", 4, 4, 4), Totals("1.0", 1, 1, 1)});
  ASSERT_THAT(quantiles, SizeIs(1));
  EXPECT_EQ(quantiles[0].budget, "0.3");
  EXPECT_EQ(quantiles[0].requests, 4U);
}

}  // namespace
}  // namespace snapvit
