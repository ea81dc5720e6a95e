#include "core/scheduling/latency_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace snapvit {
namespace {

// Weight of one batch in the factor and in its spread: about the last thirty count.
constexpr double kGain = 1.0 / 32;
// One batch is not believed beyond this (a stall says little about the next one), and neither is
// a drift of the whole profile.
constexpr double kMostPerBatch = 4;
constexpr double kMostDrift = 16;
// Mean deviations above the mean; as TCP's retransmission timer takes its round trips.
constexpr double kSafeDeviations = 3;
constexpr double kMostSafety = 2;
// Steps in which a bound of the batch time is told apart: up to a thousand times the shortest.
constexpr double kLevelStep = 1.03;
constexpr size_t kLevels = 234;
constexpr double kNever = std::numeric_limits<double>::infinity();

}  // namespace

LatencyModel::LatencyModel(std::shared_ptr<const LatencyTable> table, int max_batch)
    : table_(std::move(table)),
      rungs_(table_->rungs()),
      max_batch_(max_batch),
      task_times_(kLevels) {
  for (int rung = 0; rung < rungs_; ++rung) {
    for (int batch = 1; batch <= max_batch_; ++batch) {
      profile_.push_back(absl::ToDoubleSeconds(table_->BatchTime(rung, batch)));
    }
  }
}

void LatencyModel::Observe(double expected, double taken) {
  if (expected <= 0) return;
  const double ratio = std::clamp(taken / expected, 1 / kMostPerBatch, kMostPerBatch);
  spread_ += kGain * (std::abs(ratio - 1) - spread_);
  safety_ = std::min(1 + kSafeDeviations * spread_, kMostSafety);
  factor_ = std::clamp(factor_ * (1 + kGain * (ratio - 1)), 1 / kMostDrift, kMostDrift);
}

const std::vector<double>& LatencyModel::TaskTimes(double longest) {
  // Level 0: no batch is allowed; the last: every batch is.
  const double shortest = *std::min_element(profile_.begin(), profile_.end());
  const double level =
      std::log(std::max(longest / factor_ / shortest, 1e-9)) / std::log(kLevelStep);
  const auto index = static_cast<size_t>(std::clamp(std::floor(level), 0.0, kLevels - 1.0));
  std::vector<double>& times = task_times_[index];
  if (!times.empty()) return times;
  const double limit = index + 1 == kLevels ? kNever : shortest * std::pow(kLevelStep, index);
  times.resize(rungs_);
  for (int rung = 0; rung < rungs_; ++rung) {
    const double* const row = &profile_[static_cast<size_t>(rung) * max_batch_];
    double best = row[0];
    for (int batch = 2; batch <= max_batch_; ++batch) {
      if (row[batch - 1] <= limit) best = std::min(best, row[batch - 1] / batch);
    }
    // Measured profiles are not always monotone; what decides between rungs is.
    times[rung] = rung == 0 ? best : std::max(best, times[rung - 1]);
  }
  return times;
}

}  // namespace snapvit
