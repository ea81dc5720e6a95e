#include "server/log_limiter.h"

#include <utility>

namespace snapvit {

std::optional<int64_t> LogLimiter::Admit() {
  const absl::Time now = clock_->Now();
  absl::MutexLock lock(&mu_);
  if (now - window_start_ >= window_) {
    window_start_ = now;
    in_window_ = 0;
  }
  if (in_window_ >= burst_) {
    ++suppressed_;
    return std::nullopt;
  }
  ++in_window_;
  return std::exchange(suppressed_, 0);
}

}  // namespace snapvit
