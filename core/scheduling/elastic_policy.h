// The policy of the server: load turns the budget, not the users away.
#ifndef SNAPVIT_CORE_SCHEDULING_ELASTIC_POLICY_H_
#define SNAPVIT_CORE_SCHEDULING_ELASTIC_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/scheduling/governor.h"
#include "core/scheduling/latency_model.h"
#include "core/scheduling/policy.h"
#include "core/scheduling/tenant_load.h"
#include "core/scheduling/tenant_share.h"
#include "core/scheduling/urgency.h"

namespace snapvit {

// docs/scheduling.md has the formulas, and what they achieve.
//
// The Governor shares the engine out among the tenants and caps the rungs of each. Whenever a
// worker is free, this decides
// - whose turn it is: start-time fair queueing in engine time says who may be served, and among
//   those interactive tenants go first, then the earliest deadline; a tenant over its share goes
//   after the others;
// - at which rung: the highest, at most the cap, at which backlog and arrivals are worked off in
//   time (Governor::CapNow: a burst lowers it before the arrival rate is known to have risen), and
//   at which the most urgent task is in time;
// - in which batch: the smallest that is about as efficient as the best one.
// Tasks without a ladder's profile are served as wanted. Tasks of one request are alike in all but
// their bytes.
class ElasticPolicy final : public Policy {
 public:
  struct Options {
    int workers = 1;
    int max_batch = 16;
    // A task without a deadline has its turn as if it were due so long after its arrival: it
    // neither starves nor keeps others from theirs. (Nothing lowers its rung for that.)
    absl::Duration patience = absl::Seconds(10);
  };

  explicit ElasticPolicy(const Options& options);

  absl::Status Admit(std::span<Task* const> request, const QueueLoad& queued,
                     absl::Time now) override;
  void Add(QueuedTask* task) override;
  void Remove(QueuedTask* task) override;
  QueuedTask* TakeToPrepare(absl::Time now, const PrepareQuota& quota) override;
  void TakeBatch(int worker, absl::Time now, std::vector<Choice>& batch) override;
  QueuedTask* Victim(std::span<Task* const> request, absl::Time now) override;
  void SetBounds(const QueueBounds& bounds) override { governor_.SetBounds(bounds); }
  void WorkerGone(int worker) override;
  void SetTenants(std::vector<TenantShare> tenants) override {
    governor_.SetShares(std::move(tenants));
  }
  TenantGovernances Governance(absl::Time /*now*/) const override { return governor_.Report(); }
  void BatchStarted(int worker, std::span<const Assignment> batch, absl::Time now) override;
  void BatchFinished(const BatchRecord& record) override;

 private:
  // A batch under way.
  struct Running {
    bool busy = false;
    bool gone = false;
    double expected_time = 0;             // seconds
    std::shared_ptr<LatencyModel> model;  // that the time is of; null: not known
  };
  // How the head of a batch is served.
  struct Plan {
    int rung = 0;
    int size = 1;
    int cap = 0;             // of the tenant at this moment
    bool below_cap = false;  // the head's deadline asks for less than that
    bool hurried = false;    // and it would without any load
  };

  std::shared_ptr<LatencyModel> ModelOf(const TaskSpec& spec);
  Urgency UrgencyOf(QueuedTask* task) const;
  size_t IdleWorkers() const;
  size_t ReadyTasks() const;

  absl::Status CheckDeadline(const Task& task, size_t tasks, double now);

  // The engine time of the tenant with tasks that has had least.
  double LeastEngineTime() const;
  bool MayGoNow(const TenantLoad& tenant, double least_engine_time) const;
  template <typename HasWork>
  TenantLoad* MostUrgentTenant(QueuedTask::State state, const HasWork& has_work) const;

  // True if there was any.
  bool GiveUpHopeless(TenantLoad& tenant, double now);
  Plan MakePlan(const TenantLoad& tenant, const TaskClass& head, double now);
  int BatchSize(const LatencyModel& model, int rung, double longest, double pace,
                size_t ready) const;
  static RungReason ReasonFor(const TaskClass& of, const Plan& plan);
  // Moves the most urgent tasks of the classes into the batch, up to the plan's size.
  struct Source {
    TenantLoad* tenant;
    TaskClass* of;
  };
  static void Take(std::vector<Source> sources, const Plan& plan, std::vector<Choice>& batch);
  void FillFromOthers(const TenantLoad& first, uint64_t ladder, const Plan& plan, double now,
                      std::vector<Choice>& batch);

  const Options options_;
  Governor governor_;
  std::vector<Running> workers_;
  std::vector<std::shared_ptr<LatencyModel>> models_;  // of the last few profiles
  double fair_time_ = 0;  // engine time of who was served last; never falls
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_ELASTIC_POLICY_H_
