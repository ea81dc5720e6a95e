// A server with simulated time under ElasticPolicy, whose tasks arrive and are served step by step.
#ifndef SNAPVIT_TESTS_UNIT_CORE_SCHEDULING_ELASTIC_POLICY_FIXTURE_H_
#define SNAPVIT_TESTS_UNIT_CORE_SCHEDULING_ELASTIC_POLICY_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/scheduling/elastic_policy.h"
#include "core/scheduling/scheduler.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_task.h"

namespace snapvit {

inline constexpr int kTop = 4;

// Rungs 0 … 4 take 2, 4, 6, 8, 10 ms an image, in any batch.
inline std::shared_ptr<const LatencyTable> Profile() {
  std::vector<std::vector<absl::Duration>> times;
  for (int rung = 0; rung <= kTop; ++rung) {
    times.push_back({absl::Milliseconds(2 * (rung + 1)), 8 * absl::Milliseconds(2 * (rung + 1))});
  }
  return std::make_shared<const LatencyTable>(*LatencyTable::Create({1, 8}, times));
}

// A server with simulated time: tasks arrive, workers compute, and what was served is kept.
class ElasticPolicyTest : public testing::Test {
 protected:
  struct Served {
    Task* task;
    int rung;
    RungReason reason;
    absl::Status status;
  };

  void SetUp() override { Restart(1); }

  void Restart(int workers, QueueBounds bounds = {}) {
    ElasticPolicy::Options options;
    options.workers = workers;
    options.max_batch = 8;
    scheduler_ = std::make_unique<Scheduler>(Scheduler::Options{&clock_, workers, bounds, 2},
                                             std::make_unique<ElasticPolicy>(options));
    ends_.assign(workers, absl::InfinitePast());
    sizes_.assign(workers, 0);
  }
  void TearDown() override {
    scheduler_->Abort(&done_);
    for (size_t worker = 0; worker < ends_.size(); ++worker) Finish(worker);
  }

  TaskSpec Spec(absl::Duration deadline = absl::Milliseconds(100)) {
    TaskSpec spec;
    spec.wanted = kTop;
    spec.latency = profile_;
    spec.soft_deadline = clock_.Now() + deadline;
    spec.needs_preparation = false;
    return spec;
  }
  // A request of `images` tasks like this one.
  absl::Status Submit(TaskSpec spec, int images = 1) {
    std::vector<Task*> request;
    for (int i = 0; i < images; ++i) {
      request.push_back(tasks_.emplace_back(std::make_unique<FakeTask>(spec)).get());
    }
    const absl::Status status = scheduler_->Submit(request, &done_);
    Deliver();
    return status;
  }
  Task* Add(TaskSpec spec) {
    EXPECT_TRUE(Submit(std::move(spec)).ok());
    return tasks_.back().get();
  }

  // Rungs of the batch that an idle worker starts now; it takes what the profile says.
  std::vector<int> Start(size_t worker = 0) {
    std::vector<int> rungs;
    absl::Duration time;
    for (const Assignment& assignment : scheduler_->StartBatch(static_cast<int>(worker), &done_)) {
      rungs.push_back(assignment.rung);
      time += profile_->BatchTime(assignment.rung, 1);
    }
    sizes_[worker] = rungs.size();
    ends_[worker] = rungs.empty() ? absl::InfinitePast() : clock_.Now() + time * slowdown_;
    Deliver();
    return rungs;
  }
  void Finish(size_t worker) {
    if (sizes_[worker] == 0) return;
    const std::vector<absl::Status> statuses(std::exchange(sizes_[worker], 0));
    scheduler_->FinishBatch(static_cast<int>(worker), statuses, &done_);
    Deliver();
  }
  void Deliver() {
    for (const Completion& completion : done_) {
      completion.task->Done(completion.status, completion.execution);
      served_.push_back({completion.task, completion.execution.rung.value_or(-1),
                         completion.execution.reason, completion.status});
    }
    done_.clear();
  }

  // Workers compute for `duration`; `arrive` is called every millisecond.
  void Run(absl::Duration duration, std::function<void()> arrive) {
    const absl::Time end = clock_.Now() + duration;
    for (; clock_.Now() < end; clock_.Advance(absl::Milliseconds(1))) {
      arrive();
      for (size_t worker = 0; worker < ends_.size(); ++worker) {
        if (sizes_[worker] > 0 && clock_.Now() >= ends_[worker]) Finish(worker);
        if (sizes_[worker] == 0) Start(worker);
      }
    }
  }
  // The same with a task every `interval` of tenant `tenant`.
  std::function<void()> Every(int interval_ms, int tenant = 0,
                              absl::Duration deadline = absl::Milliseconds(100)) {
    return [this, interval_ms, tenant, deadline, ms = 0]() mutable {
      if (ms++ % interval_ms != 0) return;
      TaskSpec spec = Spec(deadline);
      spec.tenant = tenant;
      (void)Submit(std::move(spec));
    };
  }
  std::vector<int> RungsServed() {
    std::vector<int> rungs;
    for (const Served& served : std::exchange(served_, {})) rungs.push_back(served.rung);
    return rungs;
  }

  FakeClock clock_;
  std::shared_ptr<const LatencyTable> profile_ = Profile();
  double slowdown_ = 1;
  std::vector<std::unique_ptr<FakeTask>> tasks_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<absl::Time> ends_;
  std::vector<size_t> sizes_;  // of the batches under way
  Completions done_;
  std::vector<Served> served_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_UNIT_CORE_SCHEDULING_ELASTIC_POLICY_FIXTURE_H_
