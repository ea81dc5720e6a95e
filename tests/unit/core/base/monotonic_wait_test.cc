#include "core/base/monotonic_wait.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/base/clock.h"

namespace snapvit {
namespace {

// Far more than a test may take: whoever waits so long was not woken.
constexpr absl::Duration kForEver = absl::Hours(24);

TEST(AwaitAtMost, EndsWithTheCondition) {
  absl::Mutex mu;
  bool done = false;
  std::thread other([&] {
    absl::MutexLock lock(&mu);
    done = true;
  });
  {
    absl::MutexLock lock(&mu);
    EXPECT_TRUE(AwaitAtMost(mu, absl::Condition(&done), kForEver));
  }
  other.join();
}

TEST(AwaitAtMost, IsFalseOnceTheTimeHasPassedAndNotBefore) {
  absl::Mutex mu;
  bool done = false;
  absl::MutexLock lock(&mu);
  const absl::Time start = Clock::Monotonic()->Now();
  EXPECT_FALSE(AwaitAtMost(mu, absl::Condition(&done), absl::Milliseconds(20)));
  EXPECT_GE(Clock::Monotonic()->Now() - start, absl::Milliseconds(20));
  EXPECT_FALSE(AwaitAtMost(mu, absl::Condition(&done), absl::ZeroDuration()));
  done = true;
  EXPECT_TRUE(AwaitAtMost(mu, absl::Condition(&done), absl::ZeroDuration()));
}

TEST(Alarm, WakesWhoSleepsAndWhoIsAboutTo) {
  Alarm alarm;
  alarm.Ring();
  alarm.SleepAtMost(kForEver);
  std::thread other([&alarm] { alarm.Ring(); });
  alarm.SleepAtMost(absl::InfiniteDuration());
  other.join();
}

TEST(Alarm, IsHeardOnce) {
  Alarm alarm;
  alarm.Ring();
  alarm.Ring();
  alarm.SleepAtMost(kForEver);
  const absl::Time start = Clock::Monotonic()->Now();
  alarm.SleepAtMost(absl::Milliseconds(20));
  EXPECT_GE(Clock::Monotonic()->Now() - start, absl::Milliseconds(20));
  alarm.SleepAtMost(absl::ZeroDuration());
}

}  // namespace
}  // namespace snapvit
