#include "core/scheduling/executor.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/monotonic_wait.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

absl::Status CheckCount(const char* name, int value) {
  if (value >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("executor: ", name, " is ", value, ", expected at least 1"));
}

}  // namespace

// --- Construction and end ---

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(Options options,
                                                           std::unique_ptr<Policy> policy,
                                                           Backend* backend, Observer* observer) {
  RETURN_IF_ERROR(CheckCount("workers", options.scheduler.workers));
  RETURN_IF_ERROR(CheckCount("batches_ahead", options.scheduler.batches_ahead));
  RETURN_IF_ERROR(CheckCount("prepare_threads", options.prepare_threads));
  RETURN_IF_ERROR(CheckCount("max_batch", policy->max_batch()));
  std::unique_ptr<Executor> executor(
      new Executor(std::move(options), std::move(policy), backend, observer));
  RETURN_IF_ERROR(executor->StartThreads());
  return executor;
}

Executor::Executor(Options options, std::unique_ptr<Policy> policy, Backend* backend,
                   Observer* observer)
    : options_(std::move(options)),
      backend_(backend),
      observer_(observer),
      scheduler_(options_.scheduler, std::move(policy)) {}

Executor::~Executor() { Drain(absl::ZeroDuration()); }

absl::Status Executor::StartThreads() {
  absl::MutexLock lock(&join_mu_);
  try {
    for (int i = 0; i < options_.scheduler.workers; ++i) {
      threads_.emplace_back([this, i] { ComputeLoop(i); });
    }
    for (int i = 0; i < options_.prepare_threads; ++i) {
      threads_.emplace_back([this, i] { PrepareLoop(i); });
    }
    threads_.emplace_back([this] { ExpiryLoop(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("executor: cannot start thread ", threads_.size() + 1, ": ", error.what()));
  }
  return absl::OkStatus();
}

bool Executor::Drain(absl::Duration grace) {
  Completions given_up;
  bool in_time;
  {
    absl::MutexLock lock(&mu_);
    scheduler_.StopAccepting();
    in_time = AwaitAtMost(mu_, absl::Condition(&scheduler_, &Scheduler::Idle), grace);
    if (!in_time) scheduler_.Abort(&given_up);
  }
  Deliver(given_up);
  StopThreads();
  return in_time;
}

// What is being prepared or computed still ends on its thread; after Abort() nothing follows it.
void Executor::StopThreads() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  compute_cv_.SignalAll();
  prepare_cv_.SignalAll();
  expiry_alarm_.Ring();
  absl::MutexLock lock(&join_mu_);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

// --- Requests ---

absl::Status Executor::Submit(std::span<Task* const> request) {
  absl::Status status;
  Completions done;
  Wakes wakes;
  {
    absl::MutexLock lock(&mu_);
    status = scheduler_.Submit(request, &done);
    wakes = PendingLocked();
  }
  Wake(wakes);
  Deliver(done);
  if (observer_ == nullptr) return status;
  if (status.ok()) {
    observer_->OnQueued(request.size());
  } else {
    observer_->OnShed(request, status);
  }
  return status;
}

void Executor::Cancel(std::span<Task* const> tasks) {
  Completions done;
  Wakes wakes;
  {
    absl::MutexLock lock(&mu_);
    scheduler_.Cancel(tasks, &done);
    wakes = PendingLocked();
  }
  Wake(wakes);
  Deliver(done);
}

SchedulerStats Executor::Stats() const {
  absl::MutexLock lock(&mu_);
  return scheduler_.Stats();
}

void Executor::SetTenants(std::vector<TenantShare> tenants) {
  absl::MutexLock lock(&mu_);
  scheduler_.SetTenants(std::move(tenants));
}

TenantGovernances Executor::Governance() const {
  absl::MutexLock lock(&mu_);
  return scheduler_.Governance();
}

// --- Waking and delivering ---

// Counted from the state, not from events, and again after every step: work that could start finds
// a sleeping thread woken whichever way it came about.
Executor::Wakes Executor::PendingLocked() const {
  return {scheduler_.StartablePreparations(), scheduler_.StartableBatches(),
          scheduler_.NextExpiry() < expiry_wakes_at_};
}

void Executor::Wake(const Wakes& wakes) {
  const size_t prepare = std::min<size_t>(wakes.prepare, options_.prepare_threads);
  const size_t compute = std::min<size_t>(wakes.compute, options_.scheduler.workers);
  for (size_t i = 0; i < compute; ++i) compute_cv_.Signal();
  for (size_t i = 0; i < prepare; ++i) prepare_cv_.Signal();
  if (wakes.expiry) expiry_alarm_.Ring();
}

void Executor::Deliver(Completions& done) {
  for (Completion& completion : done) {
    if (observer_ != nullptr) {
      observer_->OnDone(*completion.task, completion.status, completion.execution);
    }
    completion.task->Done(completion.status, completion.execution);
  }
  done.clear();
}

// --- Compute ---

void Executor::ComputeLoop(int worker) {
  if (options_.on_worker_start) options_.on_worker_start(worker);
  while (backend_->Usable(worker)) {
    if (!ComputeStep(worker)) return;
  }
  absl::MutexLock lock(&mu_);
  scheduler_.StopWorker(worker);
}

bool Executor::ComputeStep(int worker) {
  Completions done;
  std::span<const Assignment> batch;
  Wakes wakes;
  {
    absl::MutexLock lock(&mu_);
    while (true) {
      batch = scheduler_.StartBatch(worker, &done);
      if (!batch.empty() || !done.empty()) break;
      if (stopping_) return false;
      compute_cv_.Wait(&mu_);
    }
    wakes = PendingLocked();
  }
  Wake(wakes);
  Deliver(done);
  if (!batch.empty()) RunBatch(worker, batch);
  return true;
}

void Executor::RunBatch(int worker, std::span<const Assignment> batch) {
  if (observer_ != nullptr) observer_->OnBatchStarted(worker, batch);
  std::vector<absl::Status> statuses(batch.size());
  backend_->Run(worker, batch, statuses);
  Completions done;
  BatchRecord record;
  {
    absl::MutexLock lock(&mu_);
    record = scheduler_.FinishBatch(worker, statuses, &done);
  }
  if (observer_ != nullptr) observer_->OnBatchFinished(record);
  Deliver(done);
}

// --- Preparation ---

void Executor::PrepareLoop(int thread) {
  if (options_.on_prepare_start) options_.on_prepare_start(thread);
  while (PrepareStep()) {
  }
}

bool Executor::PrepareStep() {
  Completions done;
  Task* task;
  Wakes wakes;
  {
    absl::MutexLock lock(&mu_);
    while (true) {
      task = scheduler_.StartPrepare(&done);
      if (task != nullptr || !done.empty()) break;
      if (stopping_) return false;
      prepare_cv_.Wait(&mu_);
    }
    wakes = PendingLocked();
  }
  Wake(wakes);
  Deliver(done);
  if (task == nullptr) return true;
  absl::Status status = task->Prepare();
  {
    absl::MutexLock lock(&mu_);
    scheduler_.FinishPrepare(task, std::move(status), &done);
    wakes = PendingLocked();
  }
  Wake(wakes);
  Deliver(done);
  return true;
}

// --- Expiry ---

void Executor::ExpiryLoop() {
  while (ExpiryStep()) {
  }
}

bool Executor::ExpiryStep() {
  Completions done;
  Wakes wakes;
  absl::Duration sleep;
  {
    absl::MutexLock lock(&mu_);
    scheduler_.Expire(&done);
    if (done.empty() && stopping_) return false;
    // Awake it looks again by itself.
    expiry_wakes_at_ = done.empty() ? scheduler_.NextExpiry() : absl::InfinitePast();
    sleep = expiry_wakes_at_ - options_.scheduler.clock->Now();
    wakes = PendingLocked();
  }
  if (done.empty()) {
    expiry_alarm_.SleepAtMost(sleep);  // a sooner expiry that came in between has rung
    return true;
  }
  Wake(wakes);
  Deliver(done);
  return true;
}

}  // namespace snapvit
