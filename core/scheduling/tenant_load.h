// What one tenant asks of the engine, and what it has had.
#ifndef SNAPVIT_CORE_SCHEDULING_TENANT_LOAD_H_
#define SNAPVIT_CORE_SCHEDULING_TENANT_LOAD_H_

#include <cstddef>
#include <limits>
#include <memory>

#include "absl/time/time.h"
#include "core/scheduling/demand_curve.h"
#include "core/scheduling/latency_model.h"
#include "core/scheduling/task.h"
#include "core/scheduling/tenant_queue.h"
#include "core/scheduling/tenant_share.h"

namespace snapvit {

// Times are seconds, `now` as UnixSeconds. Thread-compatible.
class TenantLoad {
 public:
  static constexpr int kNoCap = std::numeric_limits<int>::max();

  // Arrival rates are means over `window`, over `quick_window` where that is much higher.
  TenantLoad(int index, absl::Duration window, absl::Duration quick_window);

  // A request of so many tasks like this one asks to enter the queue; `model` is of their ladder
  // (null: no profile).
  void CountArrival(const TaskSpec& spec, size_t tasks, std::shared_ptr<LatencyModel> model,
                    double now);
  // One of its tasks is in a batch that is expected to take `seconds`.
  void CountBatch(double seconds);

  int index() const { return index_; }
  const std::shared_ptr<LatencyModel>& model() const { return model_; }  // of the newest task
  double last_arrival() const { return last_arrival_; }
  double deadline() const;                           // from arrival, typical
  double batch_time() const { return batch_time_; }  // of its batches, typical

  // Arrivals per second.
  double ArrivalRate(double now) const;
  // The tasks to be reckoned with in the next so many seconds (ArrivalCurve::TasksFactor). The
  // quick rate counts from where chance does not explain it: bursts of its own usual size are not
  // taken for a rise.
  WeightedCurve ArrivalsIn(double seconds, double now) const;

  TenantQueue queue;
  double weight = 1;
  PriorityClass priority = PriorityClass::kInteractive;
  double engine_time = 0;  // used so far ÷ (weight × pace), as fair queueing counts it

  // Set by the Governor, which keeps it among those that it shares the engine out to.
  bool active = false;
  double demand = 0;  // at wanted rungs, of all workers
  double limit = 1;   // what it may use of all workers
  double pace = 1;    // as in ShareClaim
  int cap = kNoCap;   // rung
  double raised_at = 0;

  bool over_share() const { return demand > limit; }

 private:
  double QuickRate(double now) const;

  const int index_;
  const double quick_window_;
  ArrivalCurve arrivals_;
  ArrivalCurve quick_arrivals_;
  double rate_spread_ = 0.1;  // typical |quick ÷ slow rate - 1|
  double last_arrival_ = 0;
  double log_deadline_;
  bool has_deadline_ = false;
  double batch_time_ = 0;
  std::shared_ptr<LatencyModel> model_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_TENANT_LOAD_H_
