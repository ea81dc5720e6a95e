#include "core/scheduling/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "core/base/error_reason.h"
#include "core/scheduling/deadline_policy.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_task.h"

namespace snapvit {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

TaskSpec Spec(bool needs_preparation) {
  TaskSpec spec;
  spec.needs_preparation = needs_preparation;
  return spec;
}

class ExecutorTest : public testing::Test {
 protected:
  // Nothing waits for longer than this unless the executor hangs.
  static constexpr absl::Duration kHang = absl::Seconds(60);

  void Start(int workers = 1, int prepare_threads = 1, int max_batch = 4,
             QueueBounds bounds = QueueBounds(), Observer* observer = nullptr) {
    Executor::Options options;
    options.scheduler.workers = workers;
    options.scheduler.bounds = bounds;
    options.prepare_threads = prepare_threads;
    executor_ = *Executor::Create(
        options, std::make_unique<DeadlinePolicy>(DeadlinePolicy::Options{.max_batch = max_batch}),
        &backend_, observer);
  }
  FakeTask* Make(TaskSpec spec = {}) {
    return tasks_.emplace_back(std::make_unique<FakeTask>(std::move(spec))).get();
  }
  absl::Status Submit(std::vector<Task*> request) { return executor_->Submit(request); }
  FakeTask* Add(TaskSpec spec = {}) {
    FakeTask* task = Make(std::move(spec));
    EXPECT_TRUE(Submit({task}).ok());
    return task;
  }

  std::vector<std::unique_ptr<FakeTask>> tasks_;
  FakeBackend backend_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(ExecutorTest, PreparesComputesAndEndsATask) {
  Start();
  FakeTask* task = Add({.wanted = 3});
  ASSERT_TRUE(task->done.WaitForNotificationWithTimeout(kHang));
  EXPECT_TRUE(task->status.ok());
  EXPECT_EQ(task->prepared, 1);
  EXPECT_EQ(task->computed, 1);
  EXPECT_EQ(task->execution.rung, 3);
}

TEST_F(ExecutorTest, BatchesWhatArrivesWhileTheWorkerIsBusy) {
  Start();
  backend_.Close();
  FakeTask* first = Add(Spec(false));
  backend_.AwaitBatches(1);
  FakeTask* second = Add(Spec(false));
  FakeTask* third = Add(Spec(false));
  backend_.Open();
  ASSERT_TRUE(executor_->Drain(kHang));
  ASSERT_EQ(backend_.batches().size(), 2u);
  EXPECT_THAT(backend_.batches()[0].tasks, ElementsAre(first));
  EXPECT_THAT(backend_.batches()[1].tasks, ElementsAre(second, third));
}

TEST_F(ExecutorTest, UsesEveryWorker) {
  Start(/*workers=*/3, /*prepare_threads=*/1, /*max_batch=*/1);
  backend_.Close();
  for (int i = 0; i < 3; ++i) Add();
  backend_.AwaitBatches(3);  // while none of them has ended
  std::set<int> workers;
  for (const FakeBackend::Batch& batch : backend_.batches()) workers.insert(batch.worker);
  EXPECT_THAT(workers, ElementsAre(0, 1, 2));
  backend_.Open();
}

TEST_F(ExecutorTest, AWorkerThatIsGoneGetsNoMoreBatches) {
  Start(/*workers=*/2, /*prepare_threads=*/1, /*max_batch=*/1);
  backend_.Close();
  for (int i = 0; i < 2; ++i) Add(Spec(false));
  backend_.AwaitBatches(2);  // both run one
  backend_.Lose(1);
  backend_.Open();
  for (int i = 0; i < 20; ++i) Add(Spec(false));
  ASSERT_TRUE(executor_->Drain(kHang));
  int of_the_lost = 0;
  for (const FakeBackend::Batch& batch : backend_.batches()) of_the_lost += batch.worker == 1;
  EXPECT_EQ(of_the_lost, 1);
  for (const auto& task : tasks_) EXPECT_TRUE(task->status.ok()) << task->status;
}

TEST_F(ExecutorTest, PreparesOnEveryPreparationThread) {
  Start(/*workers=*/1, /*prepare_threads=*/3);
  absl::Mutex mu;
  int inside = 0;
  const auto all_inside = [&inside] { return inside == 3; };
  std::vector<Task*> request;
  for (int i = 0; i < 3; ++i) {
    FakeTask* task = Make();
    task->on_prepare = [&] {
      absl::MutexLock lock(&mu);
      ++inside;
      return mu.AwaitWithTimeout(absl::Condition(&all_inside), kHang)
                 ? absl::OkStatus()
                 : absl::InternalError("prepared one after the other");
    };
    request.push_back(task);
  }
  ASSERT_TRUE(Submit(request).ok());
  ASSERT_TRUE(executor_->Drain(kHang));
  for (const auto& task : tasks_) EXPECT_TRUE(task->status.ok()) << task->status;
}

TEST_F(ExecutorTest, ServesTheNeighboursOfAFailingTask) {
  Start();
  backend_.Close();
  Add(Spec(false));
  backend_.AwaitBatches(1);
  FakeTask* undecodable = Make();
  undecodable->prepare_status = absl::InvalidArgumentError("truncated");
  FakeTask* failing = Make(Spec(false));
  backend_.Fail(failing, absl::InternalError("not finite"));
  FakeTask* good = Make(Spec(false));
  ASSERT_TRUE(Submit({undecodable, failing, good}).ok());
  backend_.Open();
  ASSERT_TRUE(executor_->Drain(kHang));
  EXPECT_EQ(undecodable->status, absl::InvalidArgumentError("truncated"));
  EXPECT_EQ(undecodable->computed, 0);
  EXPECT_EQ(failing->status, absl::InternalError("not finite"));
  EXPECT_TRUE(good->status.ok());
}

TEST_F(ExecutorTest, AnswersExpiredTasksWhileAllThreadsAreBusy) {
  Start();
  backend_.Close();
  FakeTask* running = Add(Spec(false));
  backend_.AwaitBatches(1);
  TaskSpec spec = Spec(false);
  spec.hard_deadline = Clock::Monotonic()->Now() + absl::Milliseconds(5);
  FakeTask* late = Add(spec);
  ASSERT_TRUE(late->done.WaitForNotificationWithTimeout(kHang));
  EXPECT_EQ(late->status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(running->ended, 0);
  backend_.Open();
}

// The expiry thread already sleeps until a later deadline when the sooner one arrives.
TEST_F(ExecutorTest, AnswersASoonerExpiryInTime) {
  Start();
  backend_.Close();
  Add(Spec(false));
  backend_.AwaitBatches(1);
  TaskSpec spec = Spec(false);
  spec.hard_deadline = Clock::Monotonic()->Now() + absl::Hours(1);
  Add(spec);
  spec.hard_deadline = Clock::Monotonic()->Now() + absl::Milliseconds(5);
  FakeTask* sooner = Add(spec);
  ASSERT_TRUE(sooner->done.WaitForNotificationWithTimeout(kHang));
  EXPECT_EQ(sooner->status.code(), StatusCode::kDeadlineExceeded);
  backend_.Open();
}

TEST_F(ExecutorTest, EndsCancelledTasksAtOnce) {
  Start();
  backend_.Close();
  Add(Spec(false));
  backend_.AwaitBatches(1);
  FakeTask* gone = Add(Spec(false));
  std::vector<Task*> tasks = {gone};
  executor_->Cancel(tasks);
  EXPECT_EQ(gone->ended, 1);
  EXPECT_EQ(gone->status.code(), StatusCode::kCancelled);
  backend_.Open();
}

TEST_F(ExecutorTest, GoesOnAfterARefusal) {
  Start(1, 1, 1, {.max_items = 1});
  backend_.Close();
  FakeTask* running = Add(Spec(false));
  backend_.AwaitBatches(1);
  FakeTask* waiting = Add(Spec(false));
  FakeTask* refused = Make(Spec(false));
  EXPECT_EQ(GetReason(Submit({refused})), kReasonQueueFull);
  backend_.Open();
  ASSERT_TRUE(waiting->done.WaitForNotificationWithTimeout(kHang));
  EXPECT_TRUE(Submit({refused}).ok());
  ASSERT_TRUE(refused->done.WaitForNotificationWithTimeout(kHang));
  EXPECT_EQ(running->ended, 1);
}

TEST_F(ExecutorTest, CallsTheStartHooksOnceAThread) {
  absl::Mutex mu;
  std::multiset<int> workers;
  std::multiset<int> preparers;
  Executor::Options options;
  options.scheduler.workers = 2;
  options.prepare_threads = 3;
  options.on_worker_start = [&](int worker) {
    absl::MutexLock lock(&mu);
    workers.insert(worker);
  };
  options.on_prepare_start = [&](int thread) {
    absl::MutexLock lock(&mu);
    preparers.insert(thread);
  };
  executor_ = *Executor::Create(
      options, std::make_unique<DeadlinePolicy>(DeadlinePolicy::Options{}), &backend_, nullptr);
  executor_->Drain(kHang);
  EXPECT_THAT(workers, ElementsAre(0, 1));
  EXPECT_THAT(preparers, ElementsAre(0, 1, 2));
}

TEST_F(ExecutorTest, RefusesImpossibleCounts) {
  Executor::Options options;
  options.prepare_threads = 0;
  const absl::Status status =
      Executor::Create(options, std::make_unique<DeadlinePolicy>(DeadlinePolicy::Options{}),
                       &backend_, nullptr)
          .status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "executor: prepare_threads is 0, expected at least 1");
}

// --- Observer ---

struct CountingObserver final : Observer {
  void OnQueued(size_t items) override { queued += static_cast<int>(items); }
  void OnShed(std::span<Task* const> request, const absl::Status& status) override {
    shed += static_cast<int>(request.size());
    if (GetReason(status) == kReasonQueueFull) ++full;
  }
  void OnBatchStarted(int, std::span<const Assignment> batch) override {
    started += static_cast<int>(batch.size());
  }
  void OnBatchFinished(const BatchRecord& record) override {
    for (const Assignment& assignment : record.batch) {
      if (static_cast<FakeTask*>(assignment.task)->ended == 0) ++finished_before_done;
    }
  }
  void OnDone(const Task& task, const absl::Status&, const Execution&) override {
    if (static_cast<const FakeTask&>(task).ended == 0) ++done_before_done;
  }
  std::atomic<int> queued{0}, shed{0}, full{0}, started{0}, finished_before_done{0},
      done_before_done{0};
};

TEST_F(ExecutorTest, TellsTheObserverBeforeTheTask) {
  CountingObserver observer;
  Start(1, 1, 4, {.max_items = 2}, &observer);
  ASSERT_TRUE(Submit({Make(), Make()}).ok());
  EXPECT_FALSE(Submit({Make(), Make(), Make()}).ok());
  ASSERT_TRUE(executor_->Drain(kHang));
  EXPECT_EQ(observer.queued, 2);
  EXPECT_EQ(observer.shed, 3);
  EXPECT_EQ(observer.full, 0) << "three items never fit: TOO_LARGE";
  EXPECT_EQ(observer.started, 2);
  EXPECT_EQ(observer.finished_before_done, 2);
  EXPECT_EQ(observer.done_before_done, 2);
}

// --- Draining ---

TEST_F(ExecutorTest, FinishesWhatWasAcceptedWhenDrained) {
  Start(2, 2, 3);
  for (int i = 0; i < 100; ++i) Add();
  EXPECT_TRUE(executor_->Drain(kHang));
  for (const auto& task : tasks_) EXPECT_TRUE(task->status.ok()) << task->status;
}

TEST_F(ExecutorTest, RefusesNewTasksOnceDrained) {
  Start();
  EXPECT_TRUE(executor_->Drain(kHang));
  const absl::Status status = Submit({Make()});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(GetReason(status), kReasonDraining);
}

TEST_F(ExecutorTest, GivesUpWhatStillWaitsAfterTheGrace) {
  Start(1, 1, 1);
  backend_.Close();
  FakeTask* running = Add();
  backend_.AwaitBatches(1);
  absl::Notification preparing;
  absl::Notification go_on;
  FakeTask* in_preparation = Make();
  in_preparation->on_prepare = [&] {
    preparing.Notify();
    go_on.WaitForNotification();
    return absl::OkStatus();
  };
  ASSERT_TRUE(Submit({in_preparation}).ok());
  preparing.WaitForNotification();
  FakeTask* waiting = Add();

  std::thread drain([this] { EXPECT_FALSE(executor_->Drain(absl::Milliseconds(1))); });
  ASSERT_TRUE(waiting->done.WaitForNotificationWithTimeout(kHang));
  EXPECT_EQ(GetReason(waiting->status), kReasonDraining);
  EXPECT_EQ(running->ended, 0);
  go_on.Notify();
  ASSERT_TRUE(in_preparation->done.WaitForNotificationWithTimeout(kHang));
  EXPECT_EQ(GetReason(in_preparation->status), kReasonDraining);
  backend_.Open();
  drain.join();
  EXPECT_TRUE(running->status.ok()) << "what runs is finished";
}

TEST_F(ExecutorTest, MayBeDrainedFromSeveralThreads) {
  Start(2, 2);
  for (int i = 0; i < 50; ++i) Add();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] { EXPECT_TRUE(executor_->Drain(kHang)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& task : tasks_) EXPECT_EQ(task->ended, 1);
}

TEST_F(ExecutorTest, EndsEveryTaskWhenDestroyed) {
  Start(1, 1, 2);
  for (int i = 0; i < 200; ++i) Add();
  executor_.reset();
  for (const auto& task : tasks_) EXPECT_EQ(task->ended, 1);
}

// Everything at once from many threads: run under ThreadSanitizer.
TEST_F(ExecutorTest, LosesNothingWhenAllRacesAtOnce) {
  for (int round = 0; round < 20; ++round) {
    Start(3, 2, 4, {.max_items = 64});
    constexpr int kThreads = 4;
    constexpr int kRequests = 60;
    std::vector<std::vector<std::unique_ptr<FakeTask>>> accepted(kThreads);
    std::vector<std::vector<std::unique_ptr<FakeTask>>> refused(kThreads);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        std::mt19937 random(round * 100 + thread);
        for (int i = 0; i < kRequests; ++i) {
          std::vector<std::unique_ptr<FakeTask>> tasks;
          std::vector<Task*> request;
          for (unsigned j = 0; j <= random() % 3; ++j) {
            TaskSpec spec = Spec(random() % 2 == 0);
            spec.wanted = static_cast<int>(random() % 3);
            if (random() % 3 == 0) {
              spec.hard_deadline =
                  Clock::Monotonic()->Now() + absl::Microseconds(1 + random() % 2000);
            }
            tasks.push_back(std::make_unique<FakeTask>(spec));
            if (random() % 10 == 0)
              tasks.back()->prepare_status = absl::InvalidArgumentError("bad");
            request.push_back(tasks.back().get());
          }
          const bool ok = executor_->Submit(request).ok();
          if (ok && random() % 4 == 0) executor_->Cancel(request);
          if (ok && random() % 4 == 0) tasks[0]->cancel();
          auto& list = ok ? accepted[thread] : refused[thread];
          for (auto& task : tasks) list.push_back(std::move(task));
        }
      });
    }
    if (round % 2 == 0) executor_->Drain(absl::Milliseconds(round / 4));
    for (std::thread& thread : threads) thread.join();
    executor_->Drain(kHang);
    executor_.reset();
    for (const auto& list : accepted) {
      for (const auto& task : list) {
        ASSERT_EQ(task->ended, 1);
        ASSERT_LE(task->computed, 1);
        ASSERT_EQ(task->execution.rung.has_value(), task->computed == 1);
      }
    }
    for (const auto& list : refused) {
      for (const auto& task : list) ASSERT_EQ(task->ended + task->prepared + task->computed, 0);
    }
  }
}

}  // namespace
}  // namespace snapvit
