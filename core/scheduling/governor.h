// The governor: who may use how much of the engine, and how high its rungs may be for it.
#ifndef SNAPVIT_CORE_SCHEDULING_GOVERNOR_H_
#define SNAPVIT_CORE_SCHEDULING_GOVERNOR_H_

#include <memory>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "core/scheduling/demand_curve.h"
#include "core/scheduling/latency_model.h"
#include "core/scheduling/queue_bounds.h"
#include "core/scheduling/tenant_load.h"
#include "core/scheduling/tenant_share.h"

namespace snapvit {

// docs/scheduling.md has the formulas. Shares come from weighted max-min of what the tenants ask
// for at their wanted rungs (fair_share.h): who asks for no more than its share is not degraded.
// Caps follow the arrival rates and rest under steady load; CapNow() follows the backlog.
//
// Times are seconds, `now` as UnixSeconds. Thread-compatible.
class Governor {
 public:
  struct Options {
    int workers = 1;
    // Of a task's deadline: what a batch and the wait for a worker may take together, at most, and
    // the time in which backlog and arrivals are to be served.
    double batch_share = 0.95;
    double horizon_share = 0.6;
    // Of what these leave of the deadline: what a task may wait at steady load (a queue that is
    // never quite empty keeps the engine busy; the rest is for bursts).
    double wait_share = 0.5;
    // As in TenantLoad.
    absl::Duration rate_window = absl::Milliseconds(500);
    absl::Duration quick_window = absl::Milliseconds(80);
  };

  explicit Governor(const Options& options)
      : options_(options),
        rate_seconds_(absl::ToDoubleSeconds(options.rate_window)),
        quick_seconds_(absl::ToDoubleSeconds(options.quick_window)),
        workers_(options.workers) {}

  // As in Policy.
  void SetBounds(const QueueBounds& bounds) { bounds_ = bounds; }
  // Workers that compute, at least 1.
  void SetWorkers(int workers) { workers_ = workers; }
  int workers() const { return workers_; }

  // The tenant of this index, from now on.
  TenantLoad& TenantOf(int index);
  // Of all tenants by index; a tenant beyond the list has the defaults.
  void SetShares(std::vector<TenantShare> shares);
  TenantGovernances Report() const;

  // The tenants that have tasks, or had some lately: those that the engine is shared out to.
  const std::vector<TenantLoad*>& active() const { return active_; }
  void Activate(TenantLoad& tenant);
  // Shares and caps of the active tenants, if the last look was long enough ago (or `at_once`).
  void Update(double now, bool at_once);

  // What a batch of the tenant may take, so that it fits into its deadline with the one that is
  // under way when a task arrives, or the first of these to end.
  double LongestBatch(const TenantLoad& tenant) const;

  // The highest rung, at most its cap, at which the tenant's backlog and what arrives meanwhile fit
  // its share within its horizon, and its part of the queue: who may wait for long is lowered
  // before others are turned away. In batches of at most `longest`.
  struct CapAtPresent {
    int rung = 0;
    double cost = 0;  // share of the engine time that there is; above 1, not even the floors fit
    double pace = 1;  // how many times as fast as is needed, soon, the engine is
  };
  CapAtPresent CapNow(const TenantLoad& tenant, LatencyModel& model, double longest,
                      double now) const;

  // Whether a task of the tenant with so many seconds left is better not waited for: it cannot be
  // in time, or only in a batch so small that, made of such, not even the floors would fit the
  // engine. (Saving the most urgent tasks in small batches would make all others as urgent.)
  bool TooLate(const TenantLoad& tenant, LatencyModel& model, int floor, double slack,
               double now) const;

 private:
  void SetShare(TenantLoad& tenant) const;
  double Horizon(const TenantLoad& tenant, double now) const;
  double RateSeconds(double horizon) const;
  double Patience(double horizon) const;
  double SteadyWait(const TenantLoad& tenant) const;
  double Demand(const TenantLoad& tenant, double now) const;
  double RoomFor(const TenantLoad& tenant) const;
  // The highest rung at which these tasks fit the tenant's share of so many seconds.
  CapAtPresent CapFor(const TenantLoad& tenant, LatencyModel& model,
                      std::span<const WeightedCurve> tasks, double longest, double seconds) const;
  // The two of which CapNow() is the lower.
  CapAtPresent CapInTime(const TenantLoad& tenant, LatencyModel& model, double longest,
                         double now) const;
  CapAtPresent CapInRoom(const TenantLoad& tenant, LatencyModel& model, double longest,
                         double now) const;
  void MoveCap(TenantLoad& tenant, double now) const;

  const Options options_;
  const double rate_seconds_, quick_seconds_;  // of the windows
  int workers_;
  QueueBounds bounds_;
  std::vector<std::unique_ptr<TenantLoad>> tenants_;  // by index
  std::vector<TenantLoad*> active_;
  std::vector<TenantShare> shares_;
  double updated_at_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_GOVERNOR_H_
