// A scheduler that a test steps by hand, with its clock and tasks.
#ifndef SNAPVIT_TESTS_UNIT_CORE_SCHEDULING_STEPPED_SCHEDULER_H_
#define SNAPVIT_TESTS_UNIT_CORE_SCHEDULING_STEPPED_SCHEDULER_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/scheduling/deadline_policy.h"
#include "core/scheduling/scheduler.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_task.h"

namespace snapvit {

// Ends whatever is left at destruction, as an executor would.
class SteppedScheduler {
 public:
  struct Options {
    int workers = 1;
    int batches_ahead = 2;
    DeadlinePolicy::Options policy{.max_batch = 4, .patience = absl::Seconds(1)};
    QueueBounds bounds{};
  };

  SteppedScheduler() : SteppedScheduler(Options()) {}
  explicit SteppedScheduler(const Options& options)
      : workers_(options.workers),
        scheduler_({&clock, options.workers, options.bounds, options.batches_ahead},
                   std::make_unique<DeadlinePolicy>(options.policy)) {}
  ~SteppedScheduler() {
    scheduler_.Abort(&done_);
    for (Task* task : preparing_) scheduler_.FinishPrepare(task, absl::OkStatus(), &done_);
    for (int worker = 0; worker < workers_; ++worker) {
      if (!running_[worker].empty()) Finish(worker);
    }
  }

  // A new task that is not submitted.
  FakeTask* Make(TaskSpec spec) {
    return tasks_.emplace_back(std::make_unique<FakeTask>(std::move(spec))).get();
  }
  absl::Status Submit(std::vector<Task*> request) {
    const absl::Status status = scheduler_.Submit(request, &done_);
    Deliver();
    return status;
  }
  // A new task that was accepted.
  FakeTask* Add(TaskSpec spec = {}) {
    FakeTask* task = Make(std::move(spec));
    EXPECT_TRUE(Submit({task}).ok());
    return task;
  }
  // The same, needing no preparation.
  FakeTask* AddReady(TaskSpec spec = {}) {
    spec.needs_preparation = false;
    return Add(std::move(spec));
  }

  Task* StartPrepare() {
    Task* task = scheduler_.StartPrepare(&done_);
    if (task != nullptr) preparing_.push_back(task);
    Deliver();
    return task;
  }
  void FinishPrepare(Task* task, absl::Status status = absl::OkStatus()) {
    std::erase(preparing_, task);
    scheduler_.FinishPrepare(task, std::move(status), &done_);
    Deliver();
  }
  // Prepares all that may be.
  void PrepareAll() {
    while (Task* task = StartPrepare()) FinishPrepare(task);
  }
  std::vector<Task*> Start(int worker = 0) {
    std::vector<Task*> tasks;
    for (const Assignment& assignment : scheduler_.StartBatch(worker, &done_)) {
      tasks.push_back(assignment.task);
    }
    running_[worker] = tasks;
    Deliver();
    return tasks;
  }
  void Finish(int worker, std::vector<absl::Status> statuses) {
    scheduler_.FinishBatch(worker, statuses, &done_);
    running_[worker].clear();
    Deliver();
  }
  void Finish(int worker = 0) {
    Finish(worker, std::vector<absl::Status>(running_[worker].size()));
  }
  void Expire() {
    scheduler_.Expire(&done_);
    Deliver();
  }
  void Cancel(std::vector<Task*> tasks) {
    scheduler_.Cancel(tasks, &done_);
    Deliver();
  }
  void Abort() {
    scheduler_.Abort(&done_);
    Deliver();
  }

  Scheduler& scheduler() { return scheduler_; }
  SchedulerStats Stats() const { return scheduler_.Stats(); }
  absl::Time In(absl::Duration delay) const { return clock.Now() + delay; }

  FakeClock clock;

 private:
  void Deliver() {
    for (Completion& completion : done_) {
      completion.task->Done(completion.status, completion.execution);
    }
    done_.clear();
  }

  const int workers_;
  std::vector<std::unique_ptr<FakeTask>> tasks_;
  Scheduler scheduler_;
  Completions done_;
  std::vector<Task*> preparing_;
  std::map<int, std::vector<Task*>> running_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_UNIT_CORE_SCHEDULING_STEPPED_SCHEDULER_H_
