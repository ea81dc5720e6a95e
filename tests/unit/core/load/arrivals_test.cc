#include "core/load/arrivals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace snapvit {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pair;

std::vector<double> Take(Arrivals& arrivals, int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const auto next = arrivals.Next();
    if (!next.has_value()) break;
    times.push_back(absl::ToDoubleSeconds(*next));
  }
  return times;
}

struct Intervals {
  double mean = 0;
  double cv_squared = 0;
};

Intervals Measure(Arrivals& arrivals, int count) {
  const std::vector<double> times = Take(arrivals, count);
  double sum = 0;
  double squares = 0;
  for (size_t i = 1; i < times.size(); ++i) {
    const double interval = times[i] - times[i - 1];
    sum += interval;
    squares += interval * interval;
  }
  const double n = static_cast<double>(times.size() - 1);
  const double mean = sum / n;
  return {mean, (squares / n - mean * mean) / (mean * mean)};
}

std::unique_ptr<Arrivals> TraceOf(std::vector<absl::Duration> times) {
  return TraceArrivals(std::make_shared<const std::vector<absl::Duration>>(std::move(times)));
}

class RenewalTest : public ::testing::TestWithParam<double> {};

TEST_P(RenewalTest, HasTheRateAndTheBurstinessThatItIsAskedFor) {
  const double cv_squared = GetParam();
  const auto arrivals = RenewalArrivals(cv_squared, RateProfile::Constant(50), 1);
  constexpr int kCount = 400'000;
  const Intervals intervals = Measure(*arrivals, kCount);
  // Four standard errors; the sample's variance has the heavier tail the burstier the process.
  EXPECT_NEAR(intervals.mean * 50, 1, 4 * std::sqrt(cv_squared / kCount) + 1e-6);
  EXPECT_NEAR(intervals.cv_squared, cv_squared, 0.03 * cv_squared + 1e-6);
}

INSTANTIATE_TEST_SUITE_P(ByCvSquared, RenewalTest,
                         ::testing::Values(0.0, 0.25, 1.0, 2.0, 4.0, 8.0));

TEST(Arrivals, TheSeedAloneDecides) {
  const auto times = [](uint64_t seed) {
    return Take(*RenewalArrivals(4, RateProfile::Constant(10), seed), 100);
  };
  EXPECT_EQ(times(7), times(7));
  EXPECT_NE(times(7), times(8));
}

// A regression here is a load that earlier measurements cannot be compared with.
TEST(Arrivals, SequencesStayWhatTheyWere) {
  EXPECT_THAT(Take(*RenewalArrivals(1, RateProfile::Constant(1), 1), 3),
              ElementsAre(DoubleNear(0.836006, 1e-6), DoubleNear(2.205568, 1e-6),
                          DoubleNear(5.746122, 1e-6)));
  EXPECT_THAT(Take(*RenewalArrivals(4, RateProfile::Constant(1), 1), 3),
              ElementsAre(DoubleNear(0.497638, 1e-6), DoubleNear(1.507092, 1e-6),
                          DoubleNear(1.619533, 1e-6)));
}

TEST(Arrivals, AConstantStreamSendsAsManyAsTheRateSaysAtAPhaseOfItsOwn) {
  const auto rate = RateProfile::Parse("10:2s");
  ASSERT_TRUE(rate.ok());
  const std::vector<double> first = Take(*RenewalArrivals(0, *rate, 1), 100);
  const std::vector<double> second = Take(*RenewalArrivals(0, *rate, 2), 100);
  EXPECT_EQ(first.size(), 20U);
  EXPECT_EQ(second.size(), 20U);
  EXPECT_NEAR(first[5] - first[4], 0.1, 1e-9);
  EXPECT_GT(std::abs(first[0] - second[0]), 1e-3);
}

TEST(Arrivals, ARampHasTheArrivalsOfItsRate) {
  const auto rate = RateProfile::Parse("100..900:10s");
  ASSERT_TRUE(rate.ok());
  const std::vector<double> times = Take(*RenewalArrivals(1, *rate, 3), 100'000);
  EXPECT_NEAR(static_cast<double>(times.size()), 5000, 4 * std::sqrt(5000.0));
  const auto half = std::count_if(times.begin(), times.end(), [](double time) { return time < 5; });
  EXPECT_NEAR(static_cast<double>(half), 1500, 4 * std::sqrt(1500.0));
}

TEST(Arrivals, ATraceIsReplayedAndEnds) {
  const auto trace = TraceOf({absl::Seconds(1), absl::Seconds(1), absl::Seconds(4)});
  EXPECT_THAT(Take(*trace, 10), ElementsAre(1, 1, 4));
  EXPECT_EQ(trace->Next(), std::nullopt);
}

TEST(Arrivals, StreamsAreMergedInTheOrderOfTime) {
  std::vector<std::unique_ptr<Arrivals>> streams;
  streams.push_back(TraceOf({absl::Seconds(2), absl::Seconds(5)}));
  streams.push_back(TraceOf({absl::Seconds(1), absl::Seconds(2), absl::Seconds(3)}));
  streams.push_back(TraceOf({}));
  ArrivalMerge merge(std::move(streams));
  std::vector<std::pair<double, size_t>> merged;
  while (const auto next = merge.Next()) {
    merged.emplace_back(absl::ToDoubleSeconds(next->time), next->stream);
  }
  EXPECT_THAT(merged, ElementsAre(Pair(1, 1), Pair(2, 0), Pair(2, 1), Pair(3, 1), Pair(5, 0)));
}

}  // namespace
}  // namespace snapvit
