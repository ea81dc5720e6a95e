// Waiting for some time at most. Abseil's timed waits follow the wall clock: they end early when it
// is set forward, and last as long as it was set back.
#ifndef SNAPVIT_CORE_BASE_MONOTONIC_WAIT_H_
#define SNAPVIT_CORE_BASE_MONOTONIC_WAIT_H_

#include <condition_variable>
#include <mutex>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace snapvit {

// As mu.AwaitWithTimeout(), but never false before `timeout` has passed on the monotonic clock,
// whatever becomes of the wall clock. Where that is set back, false may come late; true does not.
bool AwaitAtMost(absl::Mutex& mu, const absl::Condition& condition, absl::Duration timeout)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

// Wakes one thread that sleeps on the monotonic clock alone. Thread-safe.
class Alarm {
 public:
  // The thread's present or next SleepAtMost() ends.
  void Ring();
  void SleepAtMost(absl::Duration time);

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  bool rung_ = false;  // guarded by mu_
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_BASE_MONOTONIC_WAIT_H_
