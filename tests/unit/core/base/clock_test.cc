#include "core/base/clock.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace snapvit {
namespace {

TEST(Clock, MonotonicNeverGoesBack) {
  const Clock* clock = Clock::Monotonic();
  absl::Time last = clock->Now();
  for (int i = 0; i < 10000; ++i) {
    const absl::Time now = clock->Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

// Times of it are printed in logs.
TEST(Clock, MonotonicReadsAsWallTime) {
  EXPECT_LT(absl::AbsDuration(Clock::Monotonic()->Now() - absl::Now()), absl::Minutes(1));
}

}  // namespace
}  // namespace snapvit
