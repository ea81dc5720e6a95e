// The policy of the server: load turns the budget, not the users away.
#ifndef SNAPVIT_CORE_SCHEDULING_ELASTIC_POLICY_H_
#define SNAPVIT_CORE_SCHEDULING_ELASTIC_POLICY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/scheduling/demand_curve.h"
#include "core/scheduling/latency_model.h"
#include "core/scheduling/policy.h"
#include "core/scheduling/tenant_queue.h"
#include "core/scheduling/tenant_share.h"

namespace snapvit {

// docs/scheduling.md has the formulas, and what they achieve.
//
// Three decisions, from slow to quick:
// - Shares: the engine is shared out among the tenants by weighted max-min of what they ask for at
//   their wanted rungs. Who asks for no more than its share is not degraded.
// - Governor: a cap per tenant, the rung above the highest at which its arrivals fit its share. It
//   follows the arrival rate, and moves only when the rate has left a band, so that it rests under
//   steady load.
// - Batch: the highest rung, at most the cap, at which the tenant's backlog and what arrives
//   meanwhile are served within a part of its deadline (a burst is worked off in time before the
//   rate is known to have risen); then as small a batch as keeps that pace, which is the quickest.
//
// Between tenants, start-time fair queueing in engine time decides who may be served, and among
// those the earliest deadline; a tenant over its share goes after the others. Tasks without a
// ladder's profile are served as wanted.
class ElasticPolicy final : public Policy {
 public:
  struct Options {
    int workers = 1;
    int max_batch = 16;
    // A task that waited this long is treated as due, so that none starves.
    absl::Duration patience = absl::Seconds(1);
    // Of a task's deadline: what a batch and the wait for a worker may take together, at most, and
    // the time in which backlog and arrivals are to be served.
    double batch_share = 0.95;
    double horizon_share = 0.6;
    // Of what these leave of the deadline: what a task may wait at steady load (a queue that is
    // never quite empty keeps the engine busy; the rest is for bursts).
    double wait_share = 0.5;
    // Arrival rates are means over the first; over the second where that is much higher.
    absl::Duration rate_window = absl::Milliseconds(500);
    absl::Duration quick_window = absl::Milliseconds(80);
  };

  explicit ElasticPolicy(const Options& options);
  ~ElasticPolicy() override;

  absl::Status Admit(std::span<Task* const> request, const QueueLoad& queued,
                     absl::Time now) override;
  void Add(QueuedTask* task) override;
  void Remove(QueuedTask* task) override;
  QueuedTask* TakeToPrepare(absl::Time now, const PrepareQuota& quota) override;
  void TakeBatch(int worker, absl::Time now, std::vector<Choice>& batch) override;
  QueuedTask* Victim(std::span<Task* const> request, absl::Time now) override;
  void SetTenants(std::vector<TenantShare> tenants) override;
  TenantGovernances Governance(absl::Time now) const override;
  void BatchStarted(int worker, std::span<const Assignment> batch, absl::Time now) override;
  void BatchFinished(const BatchRecord& record) override;

 private:
  struct Tenant;
  struct Worker;
  struct Ladder;
  // How the head of a batch is served.
  struct Plan {
    int rung = 0;
    int size = 1;
    int cap = 0;             // of the tenant at this moment
    bool below_cap = false;  // the head's deadline asks for less than that
    bool hurried = false;    // and it would without any load
  };

  Tenant& TenantOf(int index);
  Ladder* LadderOf(const TaskSpec& spec);
  int64_t DueOf(const QueuedTask& task) const;
  void Activate(Tenant& tenant);

  // What its batches may take: the one that is under way when a task arrives, or the first of them
  // to end, and its own.
  double LongestBatch(const Tenant& tenant) const;
  double Horizon(const Tenant& tenant, double now) const;
  // Seconds that a task waits at steady load.
  double SteadyWait(const Tenant& tenant) const;
  int IdleWorkers() const;

  void Govern(double now, bool at_once);
  void MoveCap(Tenant& tenant, double now) const;

  bool MayGoNow(const Tenant& tenant, double fair_time) const;
  double FairTime() const;
  void GiveUpHopeless(Tenant& tenant, double now);
  bool TooLate(const Tenant& tenant, LatencyModel& model, int floor, double slack,
               double now) const;
  template <typename HasWork>
  Tenant* MostUrgentTenant(QueuedTask::State state, const HasWork& has_work);
  Cap CapNow(const Tenant& tenant, LatencyModel& model, double longest, double now) const;
  Plan MakePlan(Tenant& tenant, const TaskClass& head, double now);
  int BatchSize(const LatencyModel& model, int rung, double longest, double pace,
                size_t ready) const;
  void Fill(const Tenant& first, uint64_t ladder, const Plan& plan, double now,
            std::vector<Choice>& batch);
  static RungReason ReasonFor(const TaskClass& of, const Plan& plan);
  absl::Status CheckDeadline(const Task& task, size_t tasks, double now);

  const Options options_;
  std::vector<std::unique_ptr<Tenant>> tenants_;  // by index
  std::vector<Tenant*> active_;                   // with tasks that wait, or recent arrivals
  std::vector<TenantShare> shares_;
  std::vector<Worker> workers_;
  std::vector<std::unique_ptr<Ladder>> ladders_;  // of the last few generations
  double governed_at_ = 0;
  double fair_time_ = 0;  // of the tenant that was served least for its weight; never falls
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_ELASTIC_POLICY_H_
