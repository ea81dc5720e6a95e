#include "core/scheduling/tenant_load.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/scheduling/urgency.h"

namespace snapvit {
namespace {

// Of tasks without a deadline, and the most that is planned for: then it is the queue's room that
// says how long tasks may wait (Governor::CapNow).
constexpr double kLongestDeadline = 600;
constexpr double kShortestDeadline = 1e-4;
// Weight of one request in a tenant's typical deadline, and in the typical time of its batches.
constexpr double kDeadlineGain = 1.0 / 32;
constexpr double kBatchTimeGain = 1.0 / 256;
// Typical deviations of the quick arrival rate that are taken for chance, and the weight of one
// arrival in what is typical.
constexpr double kSpreads = 2.5;
constexpr double kSpreadGain = 1.0 / 2048;
constexpr double kChanceArrivals = 4;  // as many more in the quick window say nothing, besides

}  // namespace

TenantLoad::TenantLoad(int index, absl::Duration window, absl::Duration quick_window)
    : index_(index),
      quick_window_(absl::ToDoubleSeconds(quick_window)),
      arrivals_(window),
      quick_arrivals_(quick_window),
      log_deadline_(std::log(kLongestDeadline)) {}

double TenantLoad::ArrivalRate(double now) const {
  return arrivals_.RateFactor(now) * arrivals_.counts().tasks();
}

double TenantLoad::QuickRate(double now) const {
  return quick_arrivals_.RateFactor(now) * quick_arrivals_.counts().tasks();
}

WeightedCurve TenantLoad::ArrivalsIn(double seconds, double now) const {
  const double factor = arrivals_.TasksFactor(seconds, now);
  const double slow = factor * arrivals_.counts().tasks();
  if (slow <= 0) return {&arrivals_.counts(), 0};
  const double chance =
      kSpreads * rate_spread_ * ArrivalRate(now) + kChanceArrivals / quick_window_;
  const double quick =
      quick_arrivals_.TasksFactor(seconds, now) * quick_arrivals_.counts().tasks() -
      chance * std::min(seconds, quick_window_);
  return {&arrivals_.counts(), factor * std::max(1.0, quick / slow)};
}

// The geometric mean: a few tasks with far or near deadlines among others change little.
double TenantLoad::deadline() const { return std::exp(log_deadline_); }

void TenantLoad::CountArrival(const TaskSpec& spec, size_t tasks,
                              std::shared_ptr<LatencyModel> model, double now) {
  arrivals_.Add(spec.floor, spec.wanted, static_cast<double>(tasks), now);
  quick_arrivals_.Add(spec.floor, spec.wanted, static_cast<double>(tasks), now);
  if (const double slow = ArrivalRate(now); slow > 0) {
    const double spread = std::min(1.0, std::abs(QuickRate(now) / slow - 1));
    rate_spread_ += kSpreadGain * (spread - rate_spread_);
  }
  last_arrival_ = now;
  const double deadline =
      spec.due() == absl::InfiniteFuture()
          ? kLongestDeadline
          : std::clamp(UnixSeconds(spec.due()) - now, kShortestDeadline, kLongestDeadline);
  log_deadline_ += (has_deadline_ ? kDeadlineGain : 1) * (std::log(deadline) - log_deadline_);
  has_deadline_ = true;
  if (model != nullptr) model_ = std::move(model);
}

void TenantLoad::CountBatch(double seconds) {
  batch_time_ += kBatchTimeGain * (seconds - batch_time_);
}

}  // namespace snapvit
