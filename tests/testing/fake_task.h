// A task that records what happens to it.
#ifndef SNAPVIT_TESTS_TESTING_FAKE_TASK_H_
#define SNAPVIT_TESTS_TESTING_FAKE_TASK_H_

#include <atomic>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "core/scheduling/task.h"

namespace snapvit {

// `cancel` may be called from any thread; the plain members are for before the submission and after
// the end.
class FakeTask final : public Task {
 public:
  explicit FakeTask(TaskSpec spec) : Task(std::move(spec)) {}

  absl::Status Prepare() override {
    ++prepared;
    if (on_prepare) return on_prepare();
    return prepare_status;
  }
  bool Cancelled() const override { return cancelled_; }
  void Done(const absl::Status& end, const Execution& how) override {
    status = end;
    execution = how;
    if (++ended == 1) done.Notify();
  }

  void cancel() { cancelled_ = true; }

  absl::Status prepare_status;
  std::function<absl::Status()> on_prepare;  // instead of prepare_status
  std::atomic<int> prepared{0};
  std::atomic<int> computed{0};  // counted by FakeBackend
  std::atomic<int> ended{0};
  absl::Status status = absl::UnknownError("not ended");
  Execution execution;
  absl::Notification done;

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_FAKE_TASK_H_
