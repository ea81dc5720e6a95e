#include "server/latency_window.h"

#include <algorithm>
#include <cstddef>

namespace snapvit {
namespace {

double Quantile(const std::vector<LatencyBucket>& buckets, double quantile) {
  const double wanted = quantile * static_cast<double>(buckets.back().at_most);
  double lower_bound = 0;
  uint64_t below = 0;
  for (size_t i = 0; i + 1 < buckets.size(); ++i) {
    const auto& [bound, at_most] = buckets[i];
    if (static_cast<double>(at_most) >= wanted) {
      const double inside = wanted - static_cast<double>(below);
      return lower_bound + (bound - lower_bound) * inside /
                               static_cast<double>(std::max<uint64_t>(at_most - below, 1));
    }
    lower_bound = bound;
    below = at_most;
  }
  return lower_bound;
}

// A level that is new since `base` has all of its requests in the window.
void Subtract(const std::vector<LatencyTotals>& base, LatencyTotals& totals) {
  const auto same = [&](const LatencyTotals& old) { return old.budget == totals.budget; };
  const auto old = std::find_if(base.begin(), base.end(), same);
  if (old == base.end()) return;
  for (size_t i = 0; i < totals.buckets.size(); ++i) {
    totals.buckets[i].at_most -= old->buckets[i].at_most;
  }
}

}  // namespace

void LatencyWindow::Sample(absl::Time now, std::vector<LatencyTotals> totals) {
  absl::MutexLock lock(&mu_);
  samples_.emplace_back(now, std::move(totals));
  while (samples_.size() > 1 && samples_[1].first <= now - window_) samples_.pop_front();
}

std::vector<LatencyQuantiles> LatencyWindow::Quantiles(std::vector<LatencyTotals> totals) const {
  std::vector<LatencyTotals> base;
  {
    absl::MutexLock lock(&mu_);
    if (!samples_.empty()) base = samples_.front().second;
  }
  std::vector<LatencyQuantiles> quantiles;
  for (LatencyTotals& level : totals) {
    Subtract(base, level);
    const uint64_t requests = level.buckets.back().at_most;
    if (requests == 0) continue;
    quantiles.push_back({std::move(level.budget), requests, Quantile(level.buckets, 0.5),
                         Quantile(level.buckets, 0.99)});
  }
  return quantiles;
}

}  // namespace snapvit
