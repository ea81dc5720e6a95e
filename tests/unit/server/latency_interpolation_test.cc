#include "server/latency_interpolation.h"

#include <gtest/gtest.h>

#include <vector>

namespace snapvit {
namespace {

Ladder MakeLadder() {
  std::vector<Rung> rungs(5);
  for (size_t i = 0; i < rungs.size(); ++i) {
    rungs[i].compute = 0.2 * static_cast<double>(i + 1);
    rungs[i].sparsity = 1 - rungs[i].compute;
  }
  return *Ladder::FromRungs(rungs);
}

TEST(LatencyInterpolation, TimesBetweenMeasuredRungsAreLinearInCompute) {
  const MeasuredLatency cells[] = {{0, 1, absl::Milliseconds(2)},
                                   {0, 4, absl::Milliseconds(5)},
                                   {4, 1, absl::Milliseconds(10)},
                                   {4, 4, absl::Milliseconds(30)}};
  const auto table = InterpolateLatency(MakeLadder(), cells);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_NEAR(absl::ToDoubleMilliseconds(table->BatchTime(1, 1)), 4, 1e-6);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(table->BatchTime(2, 4)), 17.5, 1e-6);
  EXPECT_EQ(table->BatchTime(4, 4), absl::Milliseconds(30));
}

TEST(LatencyInterpolation, ALargerRungIsNeverFasterWhateverTheNoise) {
  const MeasuredLatency cells[] = {{0, 1, absl::Milliseconds(3)}, {4, 1, absl::Milliseconds(1)}};
  const auto table = InterpolateLatency(MakeLadder(), cells);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->BatchTime(4, 1), absl::Milliseconds(3));
}

}  // namespace
}  // namespace snapvit
