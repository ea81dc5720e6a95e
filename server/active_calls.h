// ActiveCalls: how many calls are open, so that there is a limit to them and a drain can wait for
// the last reply.
#ifndef SNAPVIT_SERVER_ACTIVE_CALLS_H_
#define SNAPVIT_SERVER_ACTIVE_CALLS_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/monotonic_wait.h"

namespace snapvit {

// Thread-safe.
class ActiveCalls {
 public:
  // How many are open now, this one among them.
  int Started() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return ++calls_;
  }
  // The reply has left, or cannot.
  void Ended() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    --calls_;
  }

  int open() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return calls_;
  }

  // Waits until no call is open; false if that takes longer than `timeout`.
  bool AwaitNone(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_) {
    const auto none = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return calls_ == 0; };
    absl::MutexLock lock(&mu_);
    return AwaitAtMost(mu_, absl::Condition(&none), timeout);
  }

 private:
  mutable absl::Mutex mu_;
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ACTIVE_CALLS_H_
