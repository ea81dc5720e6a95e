// RateWindow: how fast a growing total has grown over the last seconds.
#ifndef SNAPVIT_SERVER_RATE_WINDOW_H_
#define SNAPVIT_SERVER_RATE_WINDOW_H_

#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace snapvit {

// Thread-safe.
class RateWindow {
 public:
  explicit RateWindow(absl::Duration window) : window_(window) {}

  // Records that the total is `total` at `now`. Call it every window ÷ 10 or so: the base of a rate
  // is the newest sample that is at least a window old, so that a rate looks back one window and at
  // most one sample more.
  void Sample(absl::Time now, double total) ABSL_LOCKS_EXCLUDED(mu_);

  // Growth per second up to `now`, at which the total is `total`; 0 before the first sample.
  double Rate(absl::Time now, double total) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const absl::Duration window_;
  mutable absl::Mutex mu_;
  std::deque<std::pair<absl::Time, double>> samples_ ABSL_GUARDED_BY(mu_);  // oldest first
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_RATE_WINDOW_H_
