// What metrics are fed from.
#ifndef SNAPVIT_CORE_SCHEDULING_OBSERVER_H_
#define SNAPVIT_CORE_SCHEDULING_OBSERVER_H_

#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "core/scheduling/policy.h"
#include "core/scheduling/task.h"

namespace snapvit {

// Called without locks, from any thread and from several at once; must be quick. A task's OnDone()
// comes before its Task::Done(), so that a client that has its reply finds it counted; OnQueued()
// may come after OnDone() of a quick task.
class Observer {
 public:
  virtual ~Observer() = default;

  // A request was accepted (its tasks may have ended already, so only their number is here).
  virtual void OnQueued(size_t /*items*/) {}
  // A request was refused.
  virtual void OnShed(std::span<Task* const> /*request*/, const absl::Status& /*status*/) {}
  virtual void OnBatchStarted(int /*worker*/, std::span<const Assignment> /*batch*/) {}
  virtual void OnBatchFinished(const BatchRecord& /*record*/) {}
  // A task has ended, computed or not.
  virtual void OnDone(const Task& /*task*/, const absl::Status& /*status*/,
                      const Execution& /*execution*/) {}
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_OBSERVER_H_
