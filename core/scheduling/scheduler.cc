#include "core/scheduling/scheduler.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

absl::Status Expired(const QueuedTask& queued, absl::Time now) {
  const absl::Duration allowed = queued.spec().hard_deadline - queued.arrival;
  return WithReason(absl::DeadlineExceededError(absl::StrCat(
                        "expired after ", absl::ToInt64Milliseconds(now - queued.arrival),
                        " ms in the queue, its deadline was ", absl::ToInt64Milliseconds(allowed),
                        " ms after its arrival")),
                    kReasonExpired);
}

absl::Status Cancelled() {
  return WithReason(absl::CancelledError("cancelled while it waited"), kReasonCancelled);
}

// A retry goes to another server, or finds this one restarted.
absl::Status Draining(const char* what) {
  return WithReason(absl::UnavailableError(absl::StrCat("the server is shutting down: ", what)),
                    kReasonDraining, absl::Milliseconds(100));
}

}  // namespace

Scheduler::Scheduler(Options options, std::unique_ptr<Policy> policy)
    : options_(options),
      policy_(std::move(policy)),
      quota_(static_cast<size_t>(options.batches_ahead) * policy_->max_batch() * options.workers),
      workers_(options.workers),
      usable_workers_(options.workers) {
  policy_->SetBounds(options_.bounds);
}

Scheduler::~Scheduler() { assert(Idle()); }

// --- Arrival ---

absl::Status Scheduler::CheckRequest(std::span<Task* const> request, absl::Time now) const {
  for (size_t i = 0; i < request.size(); ++i) {
    const TaskSpec& spec = request[i]->spec();
    if (spec.floor < 0 || spec.floor > spec.wanted ||
        (spec.latency != nullptr && spec.wanted >= spec.latency->rungs())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "item ", i, ": rungs from ", spec.floor, " to ", spec.wanted,
          ", expected 0 <= floor <= wanted",
          spec.latency == nullptr ? std::string() : absl::StrCat(" < ", spec.latency->rungs())));
    }
    if (spec.hard_deadline <= now) {
      return WithReason(
          absl::DeadlineExceededError(absl::StrCat(
              "item ", i, ": expired ", absl::ToInt64Milliseconds(now - spec.hard_deadline),
              " ms before it was queued")),
          kReasonExpired);
    }
  }
  return absl::OkStatus();
}

QueueLoad Scheduler::LoadOf(const Task& task) {
  const TaskSpec& spec = task.spec();
  QueueLoad load{1, spec.bytes, absl::ZeroDuration()};
  if (!spec.needs_preparation) load.bytes += spec.prepared_bytes;
  if (spec.latency != nullptr) load.engine_time = spec.latency->TaskTime(spec.floor);
  return load;
}

absl::Status Scheduler::MakeRoom(std::span<Task* const> request, const QueueLoad& load,
                                 absl::Time now, Completions* done) {
  const absl::Status full = CheckBounds(options_.bounds, queued_, load, usable_workers_);
  absl::Status fits = full;
  QueueLoad left = queued_;
  victims_.clear();
  while (GetReason(fits) == kReasonQueueFull) {
    QueuedTask* victim = policy_->Victim(request, now);
    if (victim == nullptr) break;
    policy_->Remove(victim);
    victims_.push_back(victim);
    left -= victim->load;
    fits = CheckBounds(options_.bounds, left, load, usable_workers_);
  }
  for (QueuedTask* victim : victims_) {
    if (fits.ok()) {
      End(victim, full, now, done);
    } else {
      policy_->Add(victim);
    }
  }
  return fits.ok() ? fits : full;
}

absl::Status Scheduler::Submit(std::span<Task* const> request, Completions* done) {
  const absl::Time now = options_.clock->Now();
  if (!accepting_) return Draining("it takes no new requests");
  RETURN_IF_ERROR(CheckRequest(request, now));
  QueueLoad load;
  for (const Task* task : request) {
    load += LoadOf(*task);
    const TaskSpec& spec = task->spec();
    if (spec.latency != nullptr) demand_time_ += spec.latency->TaskTime(spec.wanted);
  }
  RETURN_IF_ERROR(policy_->Admit(request, queued_, now));
  RETURN_IF_ERROR(MakeRoom(request, load, now, done));
  for (Task* task : request) Accept(task, now);
  return absl::OkStatus();
}

void Scheduler::Accept(Task* task, absl::Time now) {
  assert(task->queued_ == nullptr);
  if (free_slots_.empty()) {
    const auto slot = static_cast<uint32_t>(slots_.size());
    free_slots_.push_back(&slots_.emplace_back(QueuedTask{.slot = slot}));
  }
  QueuedTask* queued = free_slots_.back();
  free_slots_.pop_back();
  *queued = {.task = task,
             .slot = queued->slot,
             .sequence = next_sequence_++,
             .arrival = now,
             .load = LoadOf(*task)};
  task->queued_ = queued;
  queued_ += queued->load;
  SetState(queued, task->spec().needs_preparation ? State::kWaiting : State::kReady);
  const absl::Time deadline = task->spec().hard_deadline;
  queued->has_expiry = deadline != absl::InfiniteFuture();
  if (queued->has_expiry) expiries_.emplace(absl::ToUnixNanos(deadline), queued->slot);
  policy_->Add(queued);
}

// --- States ---

void Scheduler::SetState(QueuedTask* queued, State state) {
  if (queued->state != State::kFree) --counts_[static_cast<size_t>(queued->state)];
  if (state != State::kFree) ++counts_[static_cast<size_t>(state)];
  queued->state = state;
}

void Scheduler::Drop(QueuedTask* queued, absl::Status status, absl::Time now, Completions* done) {
  policy_->Remove(queued);
  End(queued, std::move(status), now, done);
}

void Scheduler::End(QueuedTask* queued, absl::Status status, absl::Time now, Completions* done) {
  Execution execution;
  execution.prepare_time = queued->prepare_time;
  execution.queue_time = now - queued->arrival - queued->prepare_time;
  done->push_back({queued->task, std::move(status), execution});
  if (queued->spec().needs_preparation && queued->state != State::kWaiting) {
    quota_.End(queued->spec().tenant);
  }
  queued_ -= queued->load;
  Release(queued);
}

void Scheduler::Release(QueuedTask* queued) {
  if (queued->has_expiry) {
    expiries_.erase({absl::ToUnixNanos(queued->spec().hard_deadline), queued->slot});
  }
  queued->task->queued_ = nullptr;
  SetState(queued, State::kFree);
  free_slots_.push_back(queued);
}

// --- Ends without compute ---

void Scheduler::Cancel(std::span<Task* const> tasks, Completions* done) {
  const absl::Time now = options_.clock->Now();
  for (Task* task : tasks) {
    QueuedTask* queued = task->queued_;
    if (queued == nullptr || queued->state == State::kRunning) continue;
    if (queued->state == State::kPreparing) {
      queued->cancelled = true;
      continue;
    }
    Drop(queued, Cancelled(), now, done);
  }
}

void Scheduler::Expire(Completions* done) {
  if (expiries_.empty()) return;
  const absl::Time now = options_.clock->Now();
  const int64_t now_ns = absl::ToUnixNanos(now);
  while (!expiries_.empty() && expiries_.begin()->first <= now_ns) {
    QueuedTask* queued = &slots_[expiries_.begin()->second];
    expiries_.erase(expiries_.begin());
    queued->has_expiry = false;
    // In preparation: its end sees to it. Running: too late to save anything.
    if (queued->state == State::kPreparing || queued->state == State::kRunning) continue;
    Drop(queued, Expired(*queued, now), now, done);
  }
}

absl::Time Scheduler::NextExpiry() const {
  return expiries_.empty() ? absl::InfiniteFuture() : absl::FromUnixNanos(expiries_.begin()->first);
}

void Scheduler::Abort(Completions* done) {
  accepting_ = false;
  aborted_ = true;
  const absl::Time now = options_.clock->Now();
  for (QueuedTask& queued : slots_) {
    if (queued.state != State::kWaiting && queued.state != State::kReady) continue;
    Drop(&queued, Draining("the item waited longer than the drain allows"), now, done);
  }
}

// --- Preparation ---

// Of tasks whose tenants have enough prepared, too: a thread that is woken for them finds none.
size_t Scheduler::StartablePreparations() const { return Count(State::kWaiting); }

Task* Scheduler::StartPrepare(Completions* done) {
  Expire(done);
  while (Count(State::kWaiting) > 0) {
    const absl::Time now = options_.clock->Now();
    QueuedTask* queued = policy_->TakeToPrepare(now, quota_);
    if (queued == nullptr) return nullptr;
    assert(queued->state == State::kWaiting);
    if (queued->task->Cancelled()) {
      End(queued, Cancelled(), now, done);
      continue;
    }
    SetState(queued, State::kPreparing);
    quota_.Start(queued->spec().tenant);
    queued->prepare_start = now;
    queued->load.bytes += queued->spec().prepared_bytes;
    queued_.bytes += queued->spec().prepared_bytes;
    return queued->task;
  }
  return nullptr;
}

void Scheduler::FinishPrepare(Task* task, absl::Status status, Completions* done) {
  const absl::Time now = options_.clock->Now();
  QueuedTask* queued = task->queued_;
  assert(queued != nullptr && queued->state == State::kPreparing);
  queued->prepare_time = now - queued->prepare_start;
  const absl::Time deadline = queued->spec().hard_deadline;
  if (status.ok() && (queued->cancelled || task->Cancelled())) status = Cancelled();
  if (status.ok() && deadline <= now) status = Expired(*queued, now);
  if (status.ok() && aborted_) status = Draining("the item waited longer than the drain allows");
  if (!status.ok()) return End(queued, std::move(status), now, done);
  SetState(queued, State::kReady);
  policy_->Add(queued);
}

// --- Compute ---

size_t Scheduler::StartableBatches() const {
  const size_t max_batch = policy_->max_batch();
  return (Count(State::kReady) + max_batch - 1) / max_batch;
}

bool Scheduler::DropCancelled(absl::Time now, Completions* done) {
  const auto cancelled = [](const Choice& choice) { return choice.task->task->Cancelled(); };
  if (std::none_of(choices_.begin(), choices_.end(), cancelled)) return false;
  for (const Choice& choice : choices_) {
    policy_->Add(choice.task);
    if (cancelled(choice)) Drop(choice.task, Cancelled(), now, done);
  }
  choices_.clear();
  return true;
}

std::span<const Assignment> Scheduler::StartBatch(int worker, Completions* done) {
  assert(!workers_[worker].busy);
  Expire(done);
  const absl::Time now = options_.clock->Now();
  choices_.clear();
  do {
    if (Count(State::kReady) == 0) return {};
    policy_->TakeBatch(worker, now, choices_);
    assert(choices_.size() <= static_cast<size_t>(policy_->max_batch()));
    if (choices_.empty()) return {};
  } while (DropCancelled(now, done));
  Launch(worker, now);
  return workers_[worker].batch;
}

void Scheduler::Launch(int worker, absl::Time now) {
  Worker& running = workers_[worker];
  running.busy = true;
  running.start = now;
  running.batch.clear();
  for (const Choice& choice : choices_) {
    QueuedTask* queued = choice.task;
    assert(queued->state == State::kReady);
    assert(queued->spec().floor <= choice.rung && choice.rung <= queued->spec().wanted);
    SetState(queued, State::kRunning);
    if (queued->spec().needs_preparation) quota_.End(queued->spec().tenant);
    queued_ -= queued->load;
    running.batch.push_back({queued->task, choice.rung, choice.reason});
  }
  policy_->BatchStarted(worker, running.batch, now);
}

BatchRecord Scheduler::FinishBatch(int worker, std::span<const absl::Status> statuses,
                                   Completions* done) {
  const absl::Time now = options_.clock->Now();
  Worker& running = workers_[worker];
  assert(running.busy && statuses.size() == running.batch.size());
  const BatchRecord record{worker, running.batch, running.start, now - running.start};
  policy_->BatchFinished(record);
  for (size_t i = 0; i < running.batch.size(); ++i) {
    const Assignment& assignment = running.batch[i];
    QueuedTask* queued = assignment.task->queued_;
    Execution execution;
    execution.rung = assignment.rung;
    execution.reason = assignment.reason;
    execution.queue_time = running.start - queued->arrival - queued->prepare_time;
    execution.prepare_time = queued->prepare_time;
    execution.compute_time = record.compute_time;
    execution.batch_size = static_cast<int>(running.batch.size());
    done->push_back({assignment.task, statuses[i], execution});
    Release(queued);
  }
  running.busy = false;
  finished_busy_time_ += record.compute_time;
  return record;
}

void Scheduler::StopWorker(int worker) {
  assert(!workers_[worker].busy);
  if (workers_[worker].gone) return;
  workers_[worker].gone = true;
  usable_workers_ = std::max(1, usable_workers_ - 1);
  policy_->WorkerGone(worker);
}

SchedulerStats Scheduler::Stats() const {
  SchedulerStats stats;
  stats.waiting_items = Count(State::kWaiting);
  stats.preparing_items = Count(State::kPreparing);
  stats.ready_items = Count(State::kReady);
  stats.running_items = Count(State::kRunning);
  stats.queued = queued_;
  stats.busy_time = finished_busy_time_;
  stats.demand_time = demand_time_;
  const absl::Time now = options_.clock->Now();
  for (const Worker& worker : workers_) {
    if (!worker.busy) continue;
    ++stats.busy_workers;
    stats.busy_time += now - worker.start;
  }
  return stats;
}

}  // namespace snapvit
