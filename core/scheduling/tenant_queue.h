// The tasks of one tenant that wait, in the order in which they are due.
#ifndef SNAPVIT_CORE_SCHEDULING_TENANT_QUEUE_H_
#define SNAPVIT_CORE_SCHEDULING_TENANT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/scheduling/demand_curve.h"
#include "core/scheduling/policy.h"
#include "core/scheduling/queue_bounds.h"
#include "core/scheduling/urgency.h"

namespace snapvit {

// Tasks of one tenant that may be served with the same rungs.
struct TaskClass {
  uint64_t ladder = 0;
  int floor = 0;
  int wanted = 0;
  UrgencySet waiting;  // for their preparation
  UrgencySet ready;    // for compute

  UrgencySet& SetOf(QueuedTask::State state) {
    return state == QueuedTask::State::kReady ? ready : waiting;
  }
};

// Thread-compatible. Costs O(log n) in the tasks, O(1) classes looked at for each set of budgets
// that the tenant asks for at the time.
class TenantQueue {
 public:
  // The urgency of a task is the same at every call.
  void Add(const Urgency& urgency);
  void Remove(const Urgency& urgency);
  // The first of a set, which is not empty, leaves it.
  QueuedTask* TakeFirst(TaskClass& of, QueuedTask::State state);
  // A ready task that cannot be served in time any more: it waits for its expiry out of the way.
  void GiveUpFirst(TaskClass& of);

  // The class whose first waiting (or ready) task is due first; null if none waits.
  TaskClass* MostUrgent(QueuedTask::State state);
  // What is due last of all that waits or is ready; null if nothing does. Valid until a change.
  const Urgency* LeastUrgent() const;
  const std::vector<std::unique_ptr<TaskClass>>& classes() const { return classes_; }

  size_t waiting() const { return waiting_; }
  size_t ready() const { return ready_; }
  bool empty() const { return waiting_ + ready_ == 0; }
  // Of what waits or is ready, without what was given up.
  const DemandCurve& backlog() const { return backlog_; }
  const QueueLoad& load() const { return load_; }

 private:
  TaskClass& ClassOf(const TaskSpec& spec);
  void Count(const QueuedTask& task, int change);
  void DropIfEmpty(const TaskClass& of);

  std::vector<std::unique_ptr<TaskClass>> classes_;  // not empty
  UrgencySet given_up_;
  size_t waiting_ = 0;
  size_t ready_ = 0;
  DemandCurve backlog_;
  QueueLoad load_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_TENANT_QUEUE_H_
