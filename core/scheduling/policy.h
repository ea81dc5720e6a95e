// The decisions of the scheduler: in which order tasks are prepared, and which batch a free worker
// takes at which rungs. Mechanism (states, bounds, expiry, threads) is elsewhere, so that policies
// are replaced and compared without touching it.
#ifndef SNAPVIT_CORE_SCHEDULING_POLICY_H_
#define SNAPVIT_CORE_SCHEDULING_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/scheduling/backend.h"
#include "core/scheduling/queue_bounds.h"
#include "core/scheduling/task.h"
#include "core/scheduling/tenant_share.h"

namespace snapvit {

// A task inside the scheduler. Policies read it.
struct QueuedTask {
  enum class State { kFree, kWaiting, kPreparing, kReady, kRunning };
  static constexpr size_t kStates = 5;

  Task* task = nullptr;
  uint32_t slot = 0;      // identity while it is held
  uint64_t sequence = 0;  // order of arrival, unique
  absl::Time arrival;
  State state = State::kFree;
  QueueLoad load;           // what it adds to the queue now; engine time at its wanted rung
  bool cancelled = false;   // while it was being prepared
  bool has_expiry = false;  // in the scheduler's expiry index
  absl::Time prepare_start;
  absl::Duration prepare_time;

  const TaskSpec& spec() const { return task->spec(); }
};

// One place of a batch.
struct Choice {
  QueuedTask* task = nullptr;
  int rung = 0;
  RungReason reason = RungReason::kAsWanted;
};

// A batch that has run.
struct BatchRecord {
  int worker = 0;
  std::span<const Assignment> batch;
  absl::Time start;
  absl::Duration compute_time;
};

// How much each tenant may have prepared ahead of compute: what is decoded holds memory, and one
// tenant's must not keep another's from being decoded.
class PrepareQuota {
 public:
  explicit PrepareQuota(size_t per_tenant) : per_tenant_(per_tenant) {}

  size_t per_tenant() const { return per_tenant_; }
  // Tasks that are being prepared, or ready after that.
  size_t Ahead(int tenant) const {
    return static_cast<size_t>(tenant) < ahead_.size() ? ahead_[tenant] : 0;
  }
  bool Allows(int tenant) const { return Ahead(tenant) < per_tenant_; }

  void Start(int tenant) {
    if (static_cast<size_t>(tenant) >= ahead_.size()) ahead_.resize(tenant + 1);
    ++ahead_[tenant];
  }
  void End(int tenant) { --ahead_[tenant]; }

 private:
  const size_t per_tenant_;
  std::vector<size_t> ahead_;  // by tenant
};

// Not thread-safe: the Scheduler calls it, under whatever guards the Scheduler. Calls must be cheap
// (O(log n)): they are made for every task and batch.
class Policy {
 public:
  explicit Policy(int max_batch) : max_batch_(max_batch) {}
  virtual ~Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  int max_batch() const { return max_batch_; }  // tasks in a batch, at least 1

  // A request asks to enter the queue; whether it may, besides the bounds. `queued` is what waits
  // already. Called for all that is not impossible, so that it tells what the load is.
  virtual absl::Status Admit(std::span<Task* const> /*request*/, const QueueLoad& /*queued*/,
                             absl::Time /*now*/) {
    return absl::OkStatus();
  }

  // `task` waits from now on: for its preparation (kWaiting) or for compute (kReady). The policy
  // holds it until it hands it out or is told to remove it.
  virtual void Add(QueuedTask* task) = 0;

  // `task` is dropped: it was cancelled, expired or given up. Its state is what it was at Add().
  virtual void Remove(QueuedTask* task) = 0;

  // Hands out the waiting task to prepare next; null if no tenant that has one may have more
  // prepared. REQUIRES: one waits.
  virtual QueuedTask* TakeToPrepare(absl::Time now, const PrepareQuota& quota) = 0;

  // Hands out the batch for `worker`, which is free: appends up to max_batch() ready tasks of one
  // ladder to `batch`, which is empty; none if none is worth its compute. REQUIRES: one is ready.
  // What turns out to be cancelled is dropped by the scheduler, which then adds the others again
  // and asks anew.
  virtual void TakeBatch(int worker, absl::Time now, std::vector<Choice>& batch) = 0;

  // A task that waits or is ready, to be given up so that there is room for a request that is more
  // entitled to it; null: the request is refused. The scheduler removes it.
  virtual QueuedTask* Victim(std::span<Task* const> /*request*/, absl::Time /*now*/) {
    return nullptr;
  }

  // The batch that was just taken starts: what fair shares are charged from.
  virtual void BatchStarted(int /*worker*/, std::span<const Assignment> /*batch*/,
                            absl::Time /*now*/) {}

  // The bounds of the queue; said before anything else.
  virtual void SetBounds(const QueueBounds& /*bounds*/) {}

  // The worker computes no more. Said at most once of each, while it is free.
  virtual void WorkerGone(int /*worker*/) {}

  // Weights and classes of all tenants from now on, by index. A tenant beyond the list has the
  // defaults.
  virtual void SetTenants(std::vector<TenantShare> /*tenants*/) {}

  // The present state of each tenant.
  virtual TenantGovernances Governance(absl::Time /*now*/) const { return {}; }

  // A batch has ended: what latencies are corrected from.
  virtual void BatchFinished(const BatchRecord& /*record*/) {}

 private:
  const int max_batch_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_POLICY_H_
