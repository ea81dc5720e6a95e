#include "core/scheduling/latency_table.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"

namespace snapvit {
namespace {

using absl::Milliseconds;

LatencyTable Table() {
  return *LatencyTable::Create({1, 4, 8}, {{Milliseconds(2), Milliseconds(5), Milliseconds(8)},
                                           {Milliseconds(4), Milliseconds(10), Milliseconds(24)}});
}

TEST(LatencyTable, GivesTheMeasuredTimes) {
  EXPECT_EQ(Table().BatchTime(0, 1), Milliseconds(2));
  EXPECT_EQ(Table().BatchTime(0, 8), Milliseconds(8));
  EXPECT_EQ(Table().BatchTime(1, 4), Milliseconds(10));
}

TEST(LatencyTable, InterpolatesBetweenMeasuredBatches) {
  EXPECT_EQ(Table().BatchTime(0, 2), Milliseconds(3));
  EXPECT_EQ(Table().BatchTime(1, 6), Milliseconds(17));
}

TEST(LatencyTable, GoesOnInProportionBeyondTheLargestBatch) {
  EXPECT_EQ(Table().BatchTime(0, 16), Milliseconds(16));
}

TEST(LatencyTable, CostsATaskAtItsBestBatch) {
  EXPECT_EQ(Table().TaskTime(0), Milliseconds(1));           // 8 ms / 8
  EXPECT_EQ(Table().TaskTime(1), absl::Microseconds(2500));  // 10 ms / 4, not 24 ms / 8
}

TEST(LatencyTable, RefusesWhatIsNoProfile) {
  const auto refused = [](std::vector<int> batches,
                          std::vector<std::vector<absl::Duration>> times) {
    return LatencyTable::Create(std::move(batches), std::move(times)).status().code() ==
           absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused({}, {{}}));
  EXPECT_TRUE(refused({1}, {}));
  EXPECT_TRUE(refused({2, 4}, {{Milliseconds(1), Milliseconds(2)}}));
  EXPECT_TRUE(refused({1, 4, 4}, {{Milliseconds(1), Milliseconds(2), Milliseconds(2)}}));
  EXPECT_TRUE(refused({1, 2}, {{Milliseconds(1)}}));
  EXPECT_TRUE(refused({1}, {{absl::InfiniteDuration()}}));
}

TEST(LatencyTable, NamesTheBadCell) {
  const absl::Status status =
      LatencyTable::Create(
          {1, 2}, {{Milliseconds(1), Milliseconds(2)}, {Milliseconds(1), absl::ZeroDuration()}})
          .status();
  EXPECT_TRUE(absl::StrContains(status.message(), "rung 1, batch 2 takes 0")) << status;
}

}  // namespace
}  // namespace snapvit
