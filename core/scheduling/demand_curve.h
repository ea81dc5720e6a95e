// How much engine time a set of tasks takes, as a function of the rung that they are capped at.
#ifndef SNAPVIT_CORE_SCHEDULING_DEMAND_CURVE_H_
#define SNAPVIT_CORE_SCHEDULING_DEMAND_CURVE_H_

#include <span>
#include <vector>

#include "absl/time/time.h"

namespace snapvit {

// Counts tasks by floor and by wanted rung. Capped at rung c, a task runs at clamp(c, floor,
// wanted), so that raising the cap from k - 1 to k touches those with floor < k <= wanted; two
// histograms tell how many these are. Counts may be fractions. Thread-compatible.
class DemandCurve {
 public:
  void Add(int floor, int wanted, double tasks);
  void Scale(double factor);

  double tasks() const { return tasks_; }
  int rungs() const { return static_cast<int>(floor_.size()); }

  // Tasks with this floor, or this wanted rung.
  double AtFloor(int rung) const { return rung < rungs() ? floor_[rung] : 0; }
  double AtWanted(int rung) const { return rung < rungs() ? wanted_[rung] : 0; }

 private:
  std::vector<double> floor_;   // by rung
  std::vector<double> wanted_;  // by rung, as long
  double tasks_ = 0;
};

// Tasks that arrive, per second: each counts 1/window when it comes and fades from then on by
// exp(-age/window); before a window has passed, the mean since the first. The newest request counts
// from the next one on: looked at when it comes, what came before it says how often requests come,
// and it itself, large and rare as it may be, only that this is one of those moments.
// Thread-compatible.
class ArrivalCurve {
 public:
  explicit ArrivalCurve(absl::Duration window) : window_(absl::ToDoubleSeconds(window)) {}

  // A request of `tasks` tasks that are alike.
  void Add(int floor, int wanted, double tasks, double now_seconds);

  // counts() × RateFactor(now) is the rate now.
  const DemandCurve& counts() const { return counts_; }
  double RateFactor(double now_seconds) const;
  // counts() × TasksFactor(seconds, now): the tasks of the next so many seconds at that rate, but
  // no more than there were in the last window. (A burst is no promise of more.)
  double TasksFactor(double seconds, double now_seconds) const;

 private:
  struct Request {
    int floor = 0;
    int wanted = 0;
    double tasks = 0;
    double time = 0;  // seconds
  };

  double Fade(double now_seconds) const;

  const double window_;
  DemandCurve counts_;  // as seen at origin_: what came later counts more, not the others less
  double origin_ = 0;   // seconds
  double first_ = -1;   // arrival, seconds
  Request newest_;      // not counted yet
};

// A sum of curves, each with a factor.
struct WeightedCurve {
  const DemandCurve* curve;
  double factor;
};

// Engine seconds of all tasks at the rungs that they want, and at their floors. `cost`: seconds of
// one task by rung, not falling; tasks with rungs beyond it count as at its last one.
double CostAtWanted(std::span<const WeightedCurve> curves, std::span<const double> cost);
double CostAtFloor(std::span<const WeightedCurve> curves, std::span<const double> cost);

// The highest cap whose engine time is within `budget` seconds, and that engine time. Not even the
// floors are: cap 0.
struct Cap {
  int rung = 0;
  double cost = 0;  // seconds
};
Cap HighestCap(std::span<const WeightedCurve> curves, std::span<const double> cost, double budget);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_DEMAND_CURVE_H_
