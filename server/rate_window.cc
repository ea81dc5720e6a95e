#include "server/rate_window.h"

namespace snapvit {

void RateWindow::Sample(absl::Time now, double total) {
  absl::MutexLock lock(&mu_);
  samples_.emplace_back(now, total);
  while (samples_.size() > 1 && samples_[1].first <= now - window_) samples_.pop_front();
}

double RateWindow::Rate(absl::Time now, double total) const {
  absl::MutexLock lock(&mu_);
  if (samples_.empty() || now <= samples_.front().first) return 0;
  const auto& [time, base] = samples_.front();
  return (total - base) / absl::ToDoubleSeconds(now - time);
}

}  // namespace snapvit
