// When to send a failed request again: only what a retry can help, as soon as the server says, and
// within a deadline that spans all attempts.
#ifndef SNAPVIT_CLIENT_RETRY_H_
#define SNAPVIT_CLIENT_RETRY_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace snapvit::client {

struct RetryPolicy {
  int max_attempts = 5;  // the first included; 1: never retry
  // Wait before attempt n + 1 where the server names none: initial_backoff · multiplier^(n−1), at
  // most max_backoff, times a random factor in [1 − jitter, 1 + jitter].
  absl::Duration initial_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(2);
  double multiplier = 2;
  double jitter = 0.2;
};

// Time as a dependency, so that tests neither wait nor measure. Called from any thread.
struct TimeSource {
  std::function<absl::Time()> now;            // never goes backwards
  std::function<void(absl::Duration)> sleep;  // blocks the calling thread

  static TimeSource Real();
};

struct Attempt {
  absl::Status status;
  // Value of the trailer grpc-retry-pushback-ms; nothing if there was none.
  std::optional<std::string> pushback_ms;
};

// The waits of one request. Not thread-safe.
class RetrySchedule {
 public:
  explicit RetrySchedule(const RetryPolicy& policy) : policy_(policy) {}

  // How long to wait before the next attempt; nothing: give up. Retried are UNAVAILABLE, and
  // RESOURCE_EXHAUSTED if the server names a wait (a message over a limit stays too large). A
  // pushback is obeyed exactly and starts the backoff anew; a negative or unreadable one forbids a
  // retry.
  std::optional<absl::Duration> NextWait(const Attempt& failed);

 private:
  absl::Duration NextBackoff();

  const RetryPolicy policy_;
  int attempts_ = 0;
  int backoffs_ = 0;
};

// Calls `attempt` with the time that is left until OK, the policy gives up, or the next wait would
// pass `timeout`; returns the last attempt's status. Blocks.
absl::Status CallWithRetry(const RetryPolicy& policy, const TimeSource& time,
                           absl::Duration timeout,
                           const std::function<Attempt(absl::Duration time_left)>& attempt);

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_RETRY_H_
