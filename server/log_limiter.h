// LogLimiter: keeps a flood of the same event out of the log, and counts what was kept out.
#ifndef SNAPVIT_SERVER_LOG_LIMITER_H_
#define SNAPVIT_SERVER_LOG_LIMITER_H_

#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"

namespace snapvit {

// Thread-safe. One limiter a kind of event:
//   if (const auto skipped = limiter.Admit()) log.Warning("request_failed", {…, {"suppressed",
//   *skipped}});
class LogLimiter {
 public:
  // At most `burst` lines in each `window`, counted from its first line. `clock` is borrowed for
  // the limiter's life.
  LogLimiter(const Clock* clock, int burst, absl::Duration window)
      : clock_(clock), burst_(burst), window_(window) {}

  // Whether to log now: the number of events that were kept out since the last admitted one;
  // nothing: keep out.
  std::optional<int64_t> Admit() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const Clock* const clock_;
  const int burst_;
  const absl::Duration window_;

  absl::Mutex mu_;
  absl::Time window_start_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  int in_window_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t suppressed_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_LOG_LIMITER_H_
