// The queue between arrival and compute, as a pure state machine: no threads, no waiting, no time
// but the injected clock's. The Executor drives it with threads; tests and simulators step it by
// hand.
#ifndef SNAPVIT_CORE_SCHEDULING_SCHEDULER_H_
#define SNAPVIT_CORE_SCHEDULING_SCHEDULER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/scheduling/backend.h"
#include "core/scheduling/policy.h"
#include "core/scheduling/queue_bounds.h"
#include "core/scheduling/task.h"

namespace snapvit {

// The end of a task, to be delivered by the caller through Task::Done() once it holds no lock.
struct Completion {
  Task* task = nullptr;
  absl::Status status;
  Execution execution;
};
using Completions = std::vector<Completion>;

struct SchedulerStats {
  size_t waiting_items = 0;    // for their preparation
  size_t preparing_items = 0;  // being prepared
  size_t ready_items = 0;      // for compute
  size_t running_items = 0;    // being computed
  QueueLoad queued;            // the first three together
  int busy_workers = 0;
  absl::Duration busy_time;    // of all workers since the start, running batches up to now included
  absl::Duration demand_time;  // profiled engine time of all that asked, refused for load included
};

// A task is waiting → preparing → ready → running → ended, or ends before: it is cancelled,
// expires, fails, or is given up at shutdown. What is expired or cancelled is neither prepared nor
// computed. Between accepting a task and its one Completion the scheduler owns it.
//
// Thread-compatible: the caller serialises all calls (the Executor by its mutex). Methods that may
// end tasks append to `done`. A decision (StartBatch and what belongs to it) costs O(batch · log
// n).
class Scheduler {
 public:
  struct Options {
    const Clock* clock = Clock::Monotonic();
    int workers = 1;  // of the backend
    QueueBounds bounds;
    int batches_ahead = 2;  // of prepared tasks per worker and tenant beyond what runs
  };

  // REQUIRES: workers >= 1, batches_ahead >= 1.
  Scheduler(Options options, std::unique_ptr<Policy> policy);
  // REQUIRES: every accepted task has ended.
  ~Scheduler();

  // Accepts the tasks of one request, or none of them. An error leaves all of them with the caller:
  // RESOURCE_EXHAUSTED (QUEUE_FULL with a retry hint, TOO_LARGE, what the policy says), UNAVAILABLE
  // (DRAINING), DEADLINE_EXCEEDED (EXPIRED), INVALID_ARGUMENT (an impossible rung interval).
  // Tasks of other requests may be given up for it (QUEUE_FULL), if the policy says so.
  absl::Status Submit(std::span<Task* const> request, Completions* done);

  // Ends those of the tasks that neither run nor have ended; one in preparation ends with it.
  // REQUIRES: they still exist.
  void Cancel(std::span<Task* const> tasks, Completions* done);

  // Ends all that has expired and is not being prepared or computed. Due at NextExpiry(), harmless
  // at any time.
  void Expire(Completions* done);
  // No task expires before; may be early. InfiniteFuture: nothing can expire.
  absl::Time NextExpiry() const;

  // The task whose Prepare() is to be called now, followed by FinishPrepare(); null if none waits
  // or enough is prepared ahead.
  Task* StartPrepare(Completions* done);
  void FinishPrepare(Task* task, absl::Status status, Completions* done);

  // The batch that `worker` is to run now, followed by FinishBatch() with a status per task; empty
  // if nothing is ready that the policy finds worth its compute. It stays valid until then.
  // REQUIRES: the worker is free.
  std::span<const Assignment> StartBatch(int worker, Completions* done);
  BatchRecord FinishBatch(int worker, std::span<const absl::Status> statuses, Completions* done);

  // The worker, which is free, computes no more; the others do with what there is.
  void StopWorker(int worker);

  // From now on Submit() answers UNAVAILABLE; what was accepted goes on.
  void StopAccepting() { accepting_ = false; }
  // Gives up what waits; what is being prepared ends with its preparation, what runs ends as usual.
  void Abort(Completions* done);

  bool Idle() const { return slots_.size() == free_slots_.size(); }  // no task is held
  // How many preparations and batches could start now, at least: what to wake threads for.
  size_t StartablePreparations() const;
  size_t StartableBatches() const;
  SchedulerStats Stats() const;

  // As in Policy.
  void SetTenants(std::vector<TenantShare> tenants) { policy_->SetTenants(std::move(tenants)); }
  TenantGovernances Governance() const { return policy_->Governance(options_.clock->Now()); }

 private:
  using State = QueuedTask::State;
  struct Worker {
    bool busy = false;
    bool gone = false;
    absl::Time start;
    std::vector<Assignment> batch;
  };

  // What expires, by deadline in Unix nanoseconds, then by slot.
  using Expiry = std::pair<int64_t, uint32_t>;

  absl::Status CheckRequest(std::span<Task* const> request, absl::Time now) const;
  static QueueLoad LoadOf(const Task& task);
  // Checks the bounds; gives up what the policy holds less entitled to the room, if that makes
  // enough of it.
  absl::Status MakeRoom(std::span<Task* const> request, const QueueLoad& load, absl::Time now,
                        Completions* done);
  void Accept(Task* task, absl::Time now);
  void SetState(QueuedTask* queued, State state);
  // Ends a task that waits or is ready, held by the policy.
  void Drop(QueuedTask* queued, absl::Status status, absl::Time now, Completions* done);
  // Ends a task without compute that the policy holds no more.
  void End(QueuedTask* queued, absl::Status status, absl::Time now, Completions* done);
  void Release(QueuedTask* queued);
  // Whether any of the chosen tasks is cancelled. Those are ended then, and the policy gets the
  // others back.
  bool DropCancelled(absl::Time now, Completions* done);
  void Launch(int worker, absl::Time now);
  size_t Count(State state) const { return counts_[static_cast<size_t>(state)]; }

  const Options options_;
  const std::unique_ptr<Policy> policy_;

  bool accepting_ = true;
  bool aborted_ = false;
  uint64_t next_sequence_ = 0;
  std::deque<QueuedTask> slots_;  // stable addresses; grows to the most that were held at once
  std::vector<QueuedTask*> free_slots_;
  std::array<size_t, QueuedTask::kStates> counts_{};  // held tasks by state
  PrepareQuota quota_;
  QueueLoad queued_;  // waiting, preparing and ready
  // All held tasks with a hard deadline. Those that run or are prepared stay in it, so that a start
  // costs no search.
  absl::btree_set<Expiry> expiries_;
  std::vector<Worker> workers_;
  int usable_workers_;
  std::vector<Choice> choices_;       // scratch of StartBatch()
  std::vector<QueuedTask*> victims_;  // scratch of MakeRoom()
  absl::Duration finished_busy_time_;
  absl::Duration demand_time_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_SCHEDULER_H_
