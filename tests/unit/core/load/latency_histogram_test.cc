#include "core/load/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace snapvit {
namespace {

TEST(LatencyHistogram, QuantilesAreThoseOfTheSortedListToItsPrecision) {
  Random random(1);
  LatencyHistogram histogram;
  std::vector<int64_t> exact;
  for (int i = 0; i < 20'000; ++i) {
    // From nanoseconds to hours.
    exact.push_back(static_cast<int64_t>(std::pow(10, random.Uniform(0, 13))));
    histogram.Record(absl::Nanoseconds(exact.back()));
  }
  std::sort(exact.begin(), exact.end());
  for (const double quantile : {0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = std::max(1.0, std::ceil(quantile * static_cast<double>(exact.size())));
    const auto expected = static_cast<double>(exact[static_cast<size_t>(rank) - 1]);
    const double got = absl::ToDoubleNanoseconds(histogram.Quantile(quantile));
    EXPECT_NEAR(got, expected, expected / 1024 + 0.5) << quantile;
  }
  EXPECT_EQ(histogram.min(), absl::Nanoseconds(exact.front()));
  EXPECT_EQ(histogram.max(), absl::Nanoseconds(exact.back()));
}

TEST(LatencyHistogram, SmallAndExtremeValuesStayInside) {
  LatencyHistogram histogram(3);
  for (const int64_t ns : {-5, 0, 1, 7, 8, 9}) histogram.Record(absl::Nanoseconds(ns));
  EXPECT_EQ(histogram.Quantile(0), absl::ZeroDuration());
  EXPECT_EQ(histogram.Quantile(4.0 / 6), absl::Nanoseconds(7)) << "values below 2^bits are exact";
  histogram.Record(absl::InfiniteDuration());
  EXPECT_EQ(histogram.Quantile(1), absl::Nanoseconds(int64_t{1} << 62));
}

TEST(LatencyHistogram, MergingIsRecordingAll) {
  LatencyHistogram a;
  LatencyHistogram b;
  LatencyHistogram all;
  for (int i = 1; i <= 1000; ++i) {
    (i % 3 == 0 ? a : b).Record(absl::Microseconds(i * i));
    all.Record(absl::Microseconds(i * i));
  }
  a.Merge(b);
  a.Merge(LatencyHistogram());
  EXPECT_EQ(a.count(), all.count());
  EXPECT_EQ(a.Mean(), all.Mean());
  for (const double quantile : {0.0, 0.5, 0.99, 1.0}) {
    EXPECT_EQ(a.Quantile(quantile), all.Quantile(quantile));
  }
}

TEST(LatencyHistogram, NothingRecordedIsZero) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.Quantile(0.99), absl::ZeroDuration());
  EXPECT_EQ(histogram.Mean(), absl::ZeroDuration());
  EXPECT_EQ(histogram.max(), absl::ZeroDuration());
}

}  // namespace
}  // namespace snapvit
