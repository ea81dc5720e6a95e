// One image of one request, as the scheduler sees it: what it may be served with, until when, what
// it holds, and three calls into it. The server derives its items from Task; a simulator derives
// its own.
#ifndef SNAPVIT_CORE_SCHEDULING_TASK_H_
#define SNAPVIT_CORE_SCHEDULING_TASK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/scheduling/latency_table.h"

namespace snapvit {

struct QueuedTask;

struct TaskSpec {
  int tenant = 0;  // index of the tenant; its meaning is the server's
  // Rungs that may serve the task, of the ladder below: `wanted` when there is room, never below
  // `floor`.
  int floor = 0;
  int wanted = 0;
  uint64_t ladder = 0;  // identity of the ladder; tasks of different ladders never share a batch
  std::shared_ptr<const LatencyTable>
      latency;  // profile of that ladder; null while nothing is profiled
  absl::Time hard_deadline = absl::InfiniteFuture();  // on the scheduler's clock; nothing is done
                                                      // for the task from then on
  absl::Time soft_deadline = absl::InfiniteFuture();  // picks rungs, never cancels
  // The sooner of the deadlines.
  absl::Time due() const { return std::min(hard_deadline, soft_deadline); }

  size_t bytes = 0;  // held from submission until compute starts (the encoded image)
  size_t prepared_bytes =
      0;  // held in addition from the start of the preparation until compute starts
  bool needs_preparation = true;  // false: Prepare() is not called (tensors, raw pixels)
};

// Why a task got a rung below the one it wanted. (Why `wanted` is what it is, the server knows.)
enum class RungReason { kAsWanted, kLoad, kDeadline, kTenantLimit };

// What happened to a task. Times on the scheduler's clock.
struct Execution {
  std::optional<int> rung;  // empty: not computed
  RungReason reason = RungReason::kAsWanted;
  absl::Duration
      queue_time;  // arrival to start of compute (or to the end without compute), less prepare_time
  absl::Duration prepare_time;  // zero if not prepared
  absl::Duration compute_time;  // of the whole batch; zero if not computed
  int batch_size = 0;           // tasks in that batch; 0 if not computed
};

// Created by the submitter, who keeps it alive until Done() was called; the scheduler touches it no
// more after that, so that Done() may delete it. Prepare(), the backend's work and Done() never
// overlap and each sees what the one before wrote.
class Task {
 public:
  explicit Task(TaskSpec spec) : spec_(std::move(spec)) {}
  virtual ~Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  const TaskSpec& spec() const { return spec_; }

  // Decodes and preprocesses. Called at most once, on a preparation thread, without locks. A
  // failure ends the task with that status. Does not throw.
  virtual absl::Status Prepare() = 0;

  // True once nobody waits for the result: the task then costs no more preparation and no compute.
  // Called on any thread, under the scheduler's lock: cheap, takes no locks, calls nothing of the
  // scheduler.
  virtual bool Cancelled() const = 0;

  // The end, called exactly once for a task that was accepted, on any thread, without locks. OK:
  // computed, the backend has left the result in the task. Else: the preparation's or the backend's
  // error, DEADLINE_EXCEEDED, CANCELLED, or UNAVAILABLE (draining), with the reason of
  // core/base/error_reason.h. Does not throw, and does not wait for other tasks.
  virtual void Done(const absl::Status& status, const Execution& execution) = 0;

 private:
  friend class Scheduler;

  const TaskSpec spec_;
  QueuedTask* queued_ = nullptr;  // guarded as the Scheduler is; null unless it holds the task
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_TASK_H_
