// An engine without a model: records its batches and can be held at the start of each.
#ifndef SNAPVIT_TESTS_TESTING_FAKE_BACKEND_H_
#define SNAPVIT_TESTS_TESTING_FAKE_BACKEND_H_

#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/scheduling/backend.h"
#include "tests/testing/fake_task.h"

namespace snapvit {

// Runs batches of FakeTasks at once, or, while closed, as many as Allow() lets through.
// Thread-safe.
class FakeBackend final : public Backend {
 public:
  struct Batch {
    int worker = 0;
    std::vector<Task*> tasks;
    std::vector<int> rungs;
  };

  void Run(int worker, std::span<const Assignment> batch,
           std::span<absl::Status> statuses) override {
    Batch record{worker, {}, {}};
    for (size_t i = 0; i < batch.size(); ++i) {
      auto* task = static_cast<FakeTask*>(batch[i].task);
      ++task->computed;
      statuses[i] = task_status(task);
      record.tasks.push_back(task);
      record.rungs.push_back(batch[i].rung);
    }
    absl::MutexLock lock(&mu_);
    batches_.push_back(record);
    mu_.Await(absl::Condition(this, &FakeBackend::MayPass));
    if (!open_) --allowed_;
  }

  bool Usable(int worker) override {
    absl::MutexLock lock(&mu_);
    return lost_ != worker;
  }
  // The worker gets no batch after the one that it runs.
  void Lose(int worker) {
    absl::MutexLock lock(&mu_);
    lost_ = worker;
  }

  // Batches started from now on wait.
  void Close() {
    absl::MutexLock lock(&mu_);
    open_ = false;
  }
  void Open() {
    absl::MutexLock lock(&mu_);
    open_ = true;
  }
  // Lets one batch pass while closed.
  void Allow() {
    absl::MutexLock lock(&mu_);
    ++allowed_;
  }
  // Waits until `count` batches have started.
  void AwaitBatches(size_t count) {
    absl::MutexLock lock(&mu_);
    awaited_ = count;
    mu_.Await(absl::Condition(this, &FakeBackend::HasAwaited));
  }
  std::vector<Batch> batches() const {
    absl::MutexLock lock(&mu_);
    return batches_;
  }
  // The result of `task` from now on.
  void Fail(const Task* task, absl::Status status) {
    absl::MutexLock lock(&mu_);
    failing_ = task;
    failure_ = status;
  }

 private:
  bool MayPass() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return open_ || allowed_ > 0; }
  bool HasAwaited() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return batches_.size() >= awaited_; }
  absl::Status task_status(const Task* task) {
    absl::MutexLock lock(&mu_);
    return failing_ == task ? failure_ : absl::OkStatus();
  }

  mutable absl::Mutex mu_;
  bool open_ ABSL_GUARDED_BY(mu_) = true;
  std::optional<int> lost_ ABSL_GUARDED_BY(mu_);
  int allowed_ ABSL_GUARDED_BY(mu_) = 0;
  size_t awaited_ ABSL_GUARDED_BY(mu_) = 0;
  const Task* failing_ ABSL_GUARDED_BY(mu_) = nullptr;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::vector<Batch> batches_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_FAKE_BACKEND_H_
