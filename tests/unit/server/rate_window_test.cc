#include "server/rate_window.h"

#include <gtest/gtest.h>

namespace snapvit {
namespace {

absl::Time At(double seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); }

TEST(RateWindow, IsTheGrowthOverTheWindow) {
  RateWindow window(absl::Seconds(10));
  EXPECT_EQ(window.Rate(At(0), 5), 0);
  for (int second = 0; second <= 20; ++second) window.Sample(At(second), 2.0 * second);
  EXPECT_DOUBLE_EQ(window.Rate(At(20), 40), 2);
  // A burst counts fully at first, and is forgotten a window later.
  EXPECT_DOUBLE_EQ(window.Rate(At(20), 50), 3);
  for (int second = 21; second <= 31; ++second) window.Sample(At(second), 50);
  EXPECT_DOUBLE_EQ(window.Rate(At(31), 50), 0);
}

TEST(RateWindow, BeforeTheWindowIsFullTheStartIsTheBase) {
  RateWindow window(absl::Seconds(10));
  window.Sample(At(0), 0);
  EXPECT_DOUBLE_EQ(window.Rate(At(2), 4), 2);
}

}  // namespace
}  // namespace snapvit
