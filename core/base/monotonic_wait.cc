#include "core/base/monotonic_wait.h"

#include <algorithm>
#include <chrono>

#include "core/base/clock.h"

namespace snapvit {

bool AwaitAtMost(absl::Mutex& mu, const absl::Condition& condition, absl::Duration timeout) {
  const absl::Time end = Clock::Monotonic()->Now() + timeout;
  absl::Duration left = timeout;
  do {
    if (mu.AwaitWithTimeout(condition, left)) return true;
    left = end - Clock::Monotonic()->Now();
  } while (left > absl::ZeroDuration());
  return false;
}

void Alarm::Ring() {
  {
    const std::scoped_lock lock(mu_);
    rung_ = true;
  }
  changed_.notify_one();
}

void Alarm::SleepAtMost(absl::Duration time) {
  std::unique_lock lock(mu_);
  const auto rung = [this] { return rung_; };
  // Of steady_clock: from an hour on it looks again.
  while (time > absl::ZeroDuration() && !rung_) {
    const absl::Duration part = std::min(time, absl::Hours(1));
    changed_.wait_for(lock, absl::ToChronoNanoseconds(part), rung);
    time -= part;
  }
  rung_ = false;
}

}  // namespace snapvit
