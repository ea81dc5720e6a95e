#include "core/scheduling/demand_curve.h"

#include <algorithm>
#include <cmath>

namespace snapvit {
namespace {

// exp() of an age in windows: far from overflow, and what is that old has faded to nothing.
constexpr double kLongestAge = 30;
// Windows that count as passed when the first request arrives: a bound of what two tell.
constexpr double kLeastSince = 0.02;

double Sum(std::span<const WeightedCurve> curves, std::span<const double> cost,
           double (DemandCurve::*at)(int) const) {
  double sum = 0;
  for (const WeightedCurve& weighted : curves) {
    double seconds = 0;
    for (int rung = 0; rung < weighted.curve->rungs(); ++rung) {
      const auto known = std::min<size_t>(rung, cost.size() - 1);
      seconds += (weighted.curve->*at)(rung)*cost[known];
    }
    sum += seconds * weighted.factor;
  }
  return sum;
}

}  // namespace

void DemandCurve::Add(int floor, int wanted, double tasks) {
  if (wanted >= rungs()) {
    floor_.resize(wanted + 1);
    wanted_.resize(wanted + 1);
  }
  floor_[floor] += tasks;
  wanted_[wanted] += tasks;
  tasks_ += tasks;
}

void DemandCurve::Scale(double factor) {
  for (double& count : floor_) count *= factor;
  for (double& count : wanted_) count *= factor;
  tasks_ *= factor;
}

void ArrivalCurve::Add(int floor, int wanted, double tasks, double now_seconds) {
  if (first_ < 0) {
    first_ = now_seconds;
  } else {
    counts_.Add(newest_.floor, newest_.wanted,
                newest_.tasks * std::exp((newest_.time - origin_) / window_) / window_);
  }
  newest_ = {floor, wanted, tasks, now_seconds};
  if (const double age = (now_seconds - origin_) / window_; age > kLongestAge) {
    counts_.Scale(std::exp(-age));
    origin_ = now_seconds;
  }
}

double ArrivalCurve::Fade(double now_seconds) const {
  return std::exp(-(now_seconds - origin_) / window_);
}

double ArrivalCurve::RateFactor(double now_seconds) const {
  const double since_first = (now_seconds - first_) / window_;
  if (since_first > kLongestAge) return Fade(now_seconds);
  return Fade(now_seconds) / (1 - std::exp(-std::max(since_first, kLeastSince)));
}

double ArrivalCurve::TasksFactor(double seconds, double now_seconds) const {
  return std::min(RateFactor(now_seconds) * seconds, Fade(now_seconds) * window_);
}

double CostAtWanted(std::span<const WeightedCurve> curves, std::span<const double> cost) {
  return Sum(curves, cost, &DemandCurve::AtWanted);
}

double CostAtFloor(std::span<const WeightedCurve> curves, std::span<const double> cost) {
  return Sum(curves, cost, &DemandCurve::AtFloor);
}

Cap HighestCap(std::span<const WeightedCurve> curves, std::span<const double> cost, double budget) {
  // At cap 0 every task is at its floor.
  Cap cap{0, CostAtFloor(curves, cost)};
  // Tasks that the next rung of the cap would raise: floor < rung <= wanted.
  double movable = 0;
  for (const WeightedCurve& weighted : curves) {
    movable += weighted.factor * (weighted.curve->tasks() - weighted.curve->AtWanted(0));
  }
  double settled = 0;  // of these, tasks whose floor is at or above the rung
  for (const WeightedCurve& weighted : curves) {
    settled += weighted.factor * (weighted.curve->tasks() - weighted.curve->AtFloor(0));
  }
  for (size_t rung = 1; rung < cost.size(); ++rung) {
    const double raised = movable - settled;
    const double next = cap.cost + std::max(0.0, raised) * (cost[rung] - cost[rung - 1]);
    if (next > budget) break;
    cap = {static_cast<int>(rung), next};
    for (const WeightedCurve& weighted : curves) {
      movable -= weighted.factor * weighted.curve->AtWanted(static_cast<int>(rung));
      settled -= weighted.factor * weighted.curve->AtFloor(static_cast<int>(rung));
    }
  }
  return cap;
}

}  // namespace snapvit
