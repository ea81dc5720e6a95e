#include "client/retry.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <thread>

#include "absl/random/random.h"
#include "absl/strings/numbers.h"
#include "client/rpc_error.h"

namespace snapvit::client {
namespace {

// gRPC's rule: an ASCII int32 of milliseconds; nothing for negative and unreadable values.
std::optional<absl::Duration> ParsePushback(const std::string& text) {
  int32_t milliseconds = 0;
  if (!absl::SimpleAtoi(text, &milliseconds) || milliseconds < 0) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

}  // namespace

TimeSource TimeSource::Real() {
  TimeSource time;
  time.now = [] {
    const auto ticks = std::chrono::steady_clock::now().time_since_epoch();
    return absl::UnixEpoch() + absl::FromChrono(ticks);
  };
  time.sleep = [](absl::Duration wait) {
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(wait));
  };
  return time;
}

absl::Duration RetrySchedule::NextBackoff() {
  const double growth = std::pow(policy_.multiplier, backoffs_++);
  const absl::Duration wait = std::min(policy_.initial_backoff * growth, policy_.max_backoff);
  if (policy_.jitter <= 0) return wait;
  absl::InsecureBitGen random;
  return wait * absl::Uniform(random, 1 - policy_.jitter, 1 + policy_.jitter);
}

std::optional<absl::Duration> RetrySchedule::NextWait(const Attempt& failed) {
  if (++attempts_ >= policy_.max_attempts) return std::nullopt;
  const bool unavailable = absl::IsUnavailable(failed.status);
  if (!unavailable && !absl::IsResourceExhausted(failed.status)) return std::nullopt;
  if (failed.pushback_ms.has_value()) {
    backoffs_ = 0;
    return ParsePushback(*failed.pushback_ms);
  }
  if (const auto delay = RetryDelay(failed.status)) return std::max(*delay, NextBackoff());
  if (unavailable) return NextBackoff();
  return std::nullopt;
}

absl::Status CallWithRetry(const RetryPolicy& policy, const TimeSource& time,
                           absl::Duration timeout,
                           const std::function<Attempt(absl::Duration time_left)>& attempt) {
  const absl::Time deadline = time.now() + timeout;
  RetrySchedule schedule(policy);
  while (true) {
    const Attempt result = attempt(deadline - time.now());
    if (result.status.ok()) return result.status;
    const std::optional<absl::Duration> wait = schedule.NextWait(result);
    if (!wait.has_value() || time.now() + *wait >= deadline) return result.status;
    time.sleep(*wait);
  }
}

}  // namespace snapvit::client
