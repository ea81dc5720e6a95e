// The seam to the engine: the scheduler hands batches over and knows nothing else about models and
// devices.
#ifndef SNAPVIT_CORE_SCHEDULING_BACKEND_H_
#define SNAPVIT_CORE_SCHEDULING_BACKEND_H_

#include <span>

#include "absl/status/status.h"
#include "core/scheduling/task.h"

namespace snapvit {

// A task and the rung that it is served with: floor <= rung <= wanted.
struct Assignment {
  Task* task = nullptr;
  int rung = 0;
  RungReason reason = RungReason::kAsWanted;
};

// Implemented over the engine by the server, by fakes and simulators in tests.
class Backend {
 public:
  virtual ~Backend() = default;

  // Computes a batch and leaves each result in its task. Blocks until done; called by one thread
  // per worker, for different workers at the same time. `batch` has 1 … max_batch tasks of one
  // ladder, prepared, possibly of several rungs. `statuses` has one element per task, OK on entry:
  // what fails is set there, and the other tasks are served. Does not throw.
  virtual void Run(int worker, std::span<const Assignment> batch,
                   std::span<absl::Status> statuses) = 0;

  // Whether the worker computes on; its thread asks before each batch. Once false, it gets no more
  // of them (a device that is gone), and the other workers serve what there is. Does not block.
  virtual bool Usable(int /*worker*/) { return true; }
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_BACKEND_H_
