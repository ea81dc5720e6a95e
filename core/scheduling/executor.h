// The threads around the Scheduler: what turns accepted tasks into calls of Prepare(),
// Backend::Run() and Done().
#ifndef SNAPVIT_CORE_SCHEDULING_EXECUTOR_H_
#define SNAPVIT_CORE_SCHEDULING_EXECUTOR_H_

#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/monotonic_wait.h"
#include "core/scheduling/backend.h"
#include "core/scheduling/observer.h"
#include "core/scheduling/policy.h"
#include "core/scheduling/scheduler.h"
#include "core/scheduling/task.h"

namespace snapvit {

// Owns one thread per worker of the backend, the preparation threads, and one that ends expired
// tasks while all others are busy or idle. Every accepted task ends exactly once, also when
// Submit(), Cancel() and Drain() race.
//
// Thread-safe. Tasks, backend and observer are called without locks.
class Executor {
 public:
  struct Options {
    Scheduler::Options scheduler;  // its `workers` is the number of compute threads
    int prepare_threads = 1;
    // Called first on every compute and preparation thread with its index: affinity, thread counts,
    // names. May be empty.
    std::function<void(int worker)> on_worker_start;
    std::function<void(int thread)> on_prepare_start;
  };

  // Starts the threads. `backend` and `observer` (may be null) outlive the executor.
  // INVALID_ARGUMENT: a count below 1. RESOURCE_EXHAUSTED: the system gives no more threads.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(Options options,
                                                          std::unique_ptr<Policy> policy,
                                                          Backend* backend, Observer* observer);
  // Drains without grace.
  ~Executor();

  // As Scheduler::Submit(): all or none; never blocks on work. Done() of the tasks may come before
  // this returns.
  absl::Status Submit(std::span<Task* const> request) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends those of the tasks that are not computed yet, with CANCELLED, on this thread. Optional: a
  // task whose Cancelled() is true ends when its turn comes, this frees its place at once.
  // REQUIRES: the tasks still exist.
  void Cancel(std::span<Task* const> tasks) ABSL_LOCKS_EXCLUDED(mu_);

  SchedulerStats Stats() const ABSL_LOCKS_EXCLUDED(mu_);

  // As in Policy: weights of the tenants from now on, and what the governor makes of them.
  void SetTenants(std::vector<TenantShare> tenants) ABSL_LOCKS_EXCLUDED(mu_);
  TenantGovernances Governance() const ABSL_LOCKS_EXCLUDED(mu_);

  // Accepts nothing more, waits up to `grace` (real time) for what was accepted, ends what still
  // waits then with UNAVAILABLE (DRAINING), and joins all threads once what is running has ended.
  // True if nothing had to be given up. May be called again and from several threads, but not from
  // a callback of a task, the backend or the observer.
  bool Drain(absl::Duration grace) ABSL_LOCKS_EXCLUDED(mu_, join_mu_);

 private:
  Executor(Options options, std::unique_ptr<Policy> policy, Backend* backend, Observer* observer);

  // Loops of the threads: they repeat one step until it returns false.
  void ComputeLoop(int worker);
  void PrepareLoop(int thread);
  void ExpiryLoop();
  // Each step waits for something to do, does it, and returns false when there is nothing more to
  // come.
  bool ComputeStep(int worker) ABSL_LOCKS_EXCLUDED(mu_);
  bool PrepareStep() ABSL_LOCKS_EXCLUDED(mu_);
  bool ExpiryStep() ABSL_LOCKS_EXCLUDED(mu_);

  void RunBatch(int worker, std::span<const Assignment> batch) ABSL_LOCKS_EXCLUDED(mu_);

  // Threads to wake, counted under the lock and woken after it.
  struct Wakes {
    size_t prepare = 0;
    size_t compute = 0;
    bool expiry = false;
  };
  Wakes PendingLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Wake(const Wakes& wakes) ABSL_LOCKS_EXCLUDED(mu_);
  void Deliver(Completions& done) ABSL_LOCKS_EXCLUDED(mu_);

  absl::Status StartThreads();
  void StopThreads() ABSL_LOCKS_EXCLUDED(mu_, join_mu_);

  const Options options_;
  Backend* const backend_;
  Observer* const observer_;

  mutable absl::Mutex mu_;
  Scheduler scheduler_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;  // threads end as soon as they find nothing to do
  absl::Time expiry_wakes_at_ ABSL_GUARDED_BY(mu_) =
      absl::InfinitePast();  // never needs an earlier call
  absl::CondVar compute_cv_;
  absl::CondVar prepare_cv_;
  Alarm expiry_alarm_;

  absl::Mutex join_mu_;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(join_mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_EXECUTOR_H_
