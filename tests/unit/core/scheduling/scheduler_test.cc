#include "core/scheduling/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "core/base/error_reason.h"
#include "tests/unit/core/scheduling/stepped_scheduler.h"

namespace snapvit {
namespace {

using absl::Milliseconds;
using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

// Rung r takes r + 1 milliseconds per task in any batch.
std::shared_ptr<const LatencyTable> Profile(int rungs = 4) {
  std::vector<std::vector<absl::Duration>> times;
  for (int rung = 0; rung < rungs; ++rung) times.push_back({Milliseconds(rung + 1)});
  return std::make_shared<const LatencyTable>(*LatencyTable::Create({1}, std::move(times)));
}

// --- Arrival ---

TEST(Scheduler, TakesATaskThroughAllItsStates) {
  SteppedScheduler s;
  FakeTask* task = s.Add();
  EXPECT_EQ(s.Stats().waiting_items, 1u);
  ASSERT_EQ(s.StartPrepare(), task);
  EXPECT_EQ(s.Stats().preparing_items, 1u);
  s.FinishPrepare(task);
  EXPECT_EQ(s.Stats().ready_items, 1u);
  ASSERT_THAT(s.Start(), ElementsAre(task));
  EXPECT_EQ(s.Stats().running_items, 1u);
  s.Finish();
  EXPECT_TRUE(s.scheduler().Idle());
  EXPECT_EQ(task->ended, 1);
  EXPECT_TRUE(task->status.ok());
}

TEST(Scheduler, SkipsThePreparationThatIsNotNeeded) {
  SteppedScheduler s;
  FakeTask* task = s.AddReady();
  EXPECT_EQ(s.StartPrepare(), nullptr);
  EXPECT_THAT(s.Start(), ElementsAre(task));
}

TEST(Scheduler, AcceptsARequestWholeOrNotAtAll) {
  SteppedScheduler s({.bounds = {.max_items = 3}});
  s.Add();
  FakeTask* a = s.Make({});
  FakeTask* b = s.Make({});
  FakeTask* c = s.Make({});
  const absl::Status status = s.Submit({a, b, c});
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(GetReason(status), kReasonQueueFull);
  EXPECT_EQ(s.Stats().queued.items, 1u);
  EXPECT_EQ(a->ended + b->ended + c->ended, 0);
  EXPECT_TRUE(s.Submit({a, b}).ok()) << "what was refused may be submitted again";
}

TEST(Scheduler, AcceptsAnEmptyRequest) { EXPECT_TRUE(SteppedScheduler().Submit({}).ok()); }

TEST(Scheduler, RefusesAnImpossibleInterval) {
  SteppedScheduler s;
  EXPECT_EQ(s.Submit({s.Make({.floor = 3, .wanted = 2})}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(s.Submit({s.Make({.floor = -1, .wanted = 2})}).code(), StatusCode::kInvalidArgument);
  const absl::Status status = s.Submit(
      {s.Make({.wanted = 3, .latency = Profile()}), s.Make({.wanted = 4, .latency = Profile()})});
  EXPECT_TRUE(absl::StrContains(status.message(), "item 1: rungs from 0 to 4")) << status;
}

TEST(Scheduler, RefusesWhatHasExpiredAlready) {
  SteppedScheduler s;
  const absl::Status status = s.Submit({s.Make({.hard_deadline = s.clock.Now()})});
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(GetReason(status), kReasonExpired);
}

TEST(Scheduler, BoundsTheBytesThatWait) {
  SteppedScheduler s({.bounds = {.max_bytes = 1000}});
  FakeTask* first = s.Add({.bytes = 600, .prepared_bytes = 300});
  EXPECT_EQ(s.Stats().queued.bytes, 600u);
  s.StartPrepare();
  EXPECT_EQ(s.Stats().queued.bytes, 900u) << "decoded bytes count";
  EXPECT_EQ(GetReason(s.Submit({s.Make({.bytes = 200})})), kReasonQueueFull);
  s.FinishPrepare(first);
  s.Start();
  EXPECT_EQ(s.Stats().queued.bytes, 0u) << "what runs does not wait";
  EXPECT_TRUE(s.Submit({s.Make({.bytes = 200})}).ok());
}

TEST(Scheduler, BoundsTheEngineTimeThatWaits) {
  SteppedScheduler s({.bounds = {.max_engine_time = Milliseconds(5)}});
  // At the floor, which is where load may take it to: 3 ms.
  const TaskSpec spec{.floor = 2, .wanted = 2, .latency = Profile(), .needs_preparation = false};
  s.Add(spec);
  EXPECT_EQ(s.Stats().queued.engine_time, Milliseconds(3));
  EXPECT_EQ(GetReason(s.Submit({s.Make(spec)})), kReasonQueueFull);
  s.Start();
  EXPECT_EQ(s.Stats().queued.engine_time, absl::ZeroDuration());
  EXPECT_TRUE(s.Submit({s.Make(spec)}).ok());
}

TEST(Scheduler, CountsTheDemandOfWhatItRefusesForLoad) {
  SteppedScheduler s({.bounds = {.max_items = 1}});
  const TaskSpec spec{.wanted = 2, .latency = Profile()};
  s.Add(spec);
  EXPECT_FALSE(s.Submit({s.Make(spec)}).ok());
  EXPECT_EQ(s.Stats().demand_time, Milliseconds(6));
}

// --- Preparation ---

TEST(Scheduler, PreparesAtMostTwoBatchesAhead) {
  SteppedScheduler s({.policy = {.max_batch = 3}});
  for (int i = 0; i < 20; ++i) s.Add();
  s.PrepareAll();
  EXPECT_EQ(s.Stats().ready_items, 6u);
  s.Start();
  s.PrepareAll();
  EXPECT_EQ(s.Stats().ready_items, 6u);
}

// What one tenant has had decoded must not keep another's images from it.
TEST(Scheduler, PreparesAheadForEveryTenant) {
  SteppedScheduler s({.policy = {.max_batch = 3}});
  for (int i = 0; i < 20; ++i) s.Add({.tenant = 1, .hard_deadline = s.In(Milliseconds(100))});
  s.PrepareAll();
  s.Add({.tenant = 2, .hard_deadline = s.In(Milliseconds(50))});
  s.PrepareAll();
  EXPECT_EQ(s.Stats().ready_items, 7u);
}

TEST(Scheduler, PreparesAheadForEveryWorker) {
  SteppedScheduler s({.workers = 3, .policy = {.max_batch = 2}});
  for (int i = 0; i < 20; ++i) s.Add();
  s.PrepareAll();
  EXPECT_EQ(s.Stats().ready_items, 12u);
}

TEST(Scheduler, CountsTasksInPreparationAsAhead) {
  SteppedScheduler s({.batches_ahead = 1, .policy = {.max_batch = 2}});
  for (int i = 0; i < 4; ++i) s.Add();
  EXPECT_NE(s.StartPrepare(), nullptr);
  EXPECT_NE(s.StartPrepare(), nullptr);
  EXPECT_EQ(s.StartPrepare(), nullptr);
}

// Tensors fill the queue without being prepared: images must not wait behind them for decoding.
TEST(Scheduler, DoesNotCountUnpreparedTasksAsAhead) {
  SteppedScheduler s({.policy = {.max_batch = 1}});
  for (int i = 0; i < 10; ++i) s.AddReady();
  FakeTask* image = s.Add();
  EXPECT_EQ(s.StartPrepare(), image);
}

TEST(Scheduler, EndsATaskWhosePreparationFails) {
  SteppedScheduler s;
  FakeTask* bad = s.Add();
  FakeTask* good = s.Add();
  s.StartPrepare();
  s.StartPrepare();
  s.FinishPrepare(bad, absl::InvalidArgumentError("truncated JPEG"));
  s.FinishPrepare(good);
  EXPECT_EQ(bad->status, absl::InvalidArgumentError("truncated JPEG"));
  EXPECT_FALSE(bad->execution.rung.has_value());
  EXPECT_THAT(s.Start(), ElementsAre(good));
}

// --- Expiry ---

TEST(Scheduler, EndsAnExpiredTaskWithoutPreparation) {
  SteppedScheduler s;
  FakeTask* task = s.Add({.hard_deadline = s.In(Milliseconds(10))});
  s.clock.Advance(Milliseconds(12));
  EXPECT_EQ(s.StartPrepare(), nullptr);
  EXPECT_EQ(task->ended, 1);
  EXPECT_EQ(task->status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(GetReason(task->status), kReasonExpired);
  EXPECT_TRUE(absl::StrContains(task->status.message(), "expired after 12 ms in the queue"))
      << task->status;
  EXPECT_EQ(task->execution.queue_time, Milliseconds(12));
}

TEST(Scheduler, EndsAnExpiredTaskWithoutCompute) {
  SteppedScheduler s;
  FakeTask* task = s.Add({.hard_deadline = s.In(Milliseconds(10))});
  s.PrepareAll();
  s.clock.Advance(Milliseconds(10));
  EXPECT_THAT(s.Start(), IsEmpty());
  EXPECT_EQ(task->status.code(), StatusCode::kDeadlineExceeded);
}

TEST(Scheduler, EndsATaskThatExpiredDuringItsPreparation) {
  SteppedScheduler s;
  FakeTask* task = s.Add({.hard_deadline = s.In(Milliseconds(10))});
  s.StartPrepare();
  s.clock.Advance(Milliseconds(10));
  s.Expire();
  EXPECT_EQ(task->ended, 0) << "Prepare() is still running";
  s.FinishPrepare(task);
  EXPECT_EQ(task->status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(task->execution.prepare_time, Milliseconds(10));
  EXPECT_EQ(task->execution.queue_time, absl::ZeroDuration());
}

TEST(Scheduler, FinishesATaskThatExpiresWhileItIsComputed) {
  SteppedScheduler s;
  FakeTask* task = s.AddReady({.hard_deadline = s.In(Milliseconds(10))});
  s.Start();
  s.clock.Advance(Milliseconds(20));
  s.Expire();
  EXPECT_EQ(task->ended, 0);
  s.Finish();
  EXPECT_TRUE(task->status.ok());
}

TEST(Scheduler, KnowsWhenTheNextTaskExpires) {
  SteppedScheduler s;
  EXPECT_EQ(s.scheduler().NextExpiry(), absl::InfiniteFuture());
  s.Add();
  EXPECT_EQ(s.scheduler().NextExpiry(), absl::InfiniteFuture());
  const absl::Time sooner = s.In(Milliseconds(10));
  const absl::Time later = s.In(Milliseconds(20));
  s.Add({.hard_deadline = later});
  s.AddReady({.hard_deadline = sooner});
  EXPECT_EQ(s.scheduler().NextExpiry(), sooner);
  s.Start();
  s.Finish();
  EXPECT_EQ(s.scheduler().NextExpiry(), later);
}

TEST(Scheduler, ExpiresOnlyWhatIsDue) {
  SteppedScheduler s;
  FakeTask* due = s.Add({.hard_deadline = s.In(Milliseconds(10))});
  FakeTask* later = s.Add({.hard_deadline = s.In(Milliseconds(11))});
  s.clock.Advance(Milliseconds(10));
  s.Expire();
  EXPECT_EQ(due->ended, 1);
  EXPECT_EQ(later->ended, 0);
}

// --- Cancellation ---

TEST(Scheduler, PreparesNothingThatIsCancelled) {
  SteppedScheduler s;
  FakeTask* gone = s.Add();
  FakeTask* next = s.Add();
  gone->cancel();
  EXPECT_EQ(s.StartPrepare(), next);
  EXPECT_EQ(gone->status.code(), StatusCode::kCancelled);
  EXPECT_EQ(GetReason(gone->status), kReasonCancelled);
}

TEST(Scheduler, FillsThePlacesOfCancelledTasksInABatch) {
  SteppedScheduler s({.policy = {.max_batch = 2}});
  FakeTask* a = s.AddReady();
  FakeTask* gone = s.AddReady();
  FakeTask* b = s.AddReady();
  gone->cancel();
  EXPECT_THAT(s.Start(), ElementsAre(a, b));
  EXPECT_EQ(gone->status.code(), StatusCode::kCancelled);
  EXPECT_EQ(gone->execution.batch_size, 0);
}

TEST(Scheduler, StartsNothingIfAllAreCancelled) {
  SteppedScheduler s;
  FakeTask* a = s.AddReady();
  FakeTask* b = s.AddReady({.wanted = 1});
  a->cancel();
  b->cancel();
  EXPECT_THAT(s.Start(), IsEmpty());
  EXPECT_TRUE(s.scheduler().Idle());
}

TEST(Scheduler, FreesThePlaceOfACancelledTaskAtOnce) {
  SteppedScheduler s({.bounds = {.max_items = 2}});
  FakeTask* waiting = s.Add();
  FakeTask* ready = s.AddReady();
  s.Cancel({waiting, ready});
  EXPECT_EQ(waiting->status.code(), StatusCode::kCancelled);
  EXPECT_EQ(ready->status.code(), StatusCode::kCancelled);
  EXPECT_EQ(s.Stats().queued.items, 0u);
}

TEST(Scheduler, EndsATaskCancelledDuringItsPreparationAfterIt) {
  SteppedScheduler s;
  FakeTask* task = s.Add();
  s.StartPrepare();
  s.Cancel({task});
  EXPECT_EQ(task->ended, 0);
  s.FinishPrepare(task);
  EXPECT_EQ(task->status.code(), StatusCode::kCancelled);
}

TEST(Scheduler, IgnoresTheCancellationOfWhatRunsOrHasEnded) {
  SteppedScheduler s;
  FakeTask* task = s.AddReady();
  s.Start();
  s.Cancel({task});
  EXPECT_EQ(task->ended, 0);
  s.Finish();
  s.Cancel({task});
  EXPECT_EQ(task->ended, 1);
  EXPECT_TRUE(task->status.ok());
}

// --- Compute ---

TEST(Scheduler, AnswersEachTaskOfABatchForItself) {
  SteppedScheduler s;
  FakeTask* good = s.AddReady();
  FakeTask* bad = s.AddReady();
  s.Start();
  s.Finish(0, {absl::OkStatus(), absl::InternalError("not a number")});
  EXPECT_TRUE(good->status.ok());
  EXPECT_EQ(bad->status, absl::InternalError("not a number"));
}

TEST(Scheduler, ReportsWhereTheTimeWent) {
  SteppedScheduler s;
  FakeTask* task = s.Add({.wanted = 3});
  s.AddReady({.wanted = 3});
  s.clock.Advance(Milliseconds(5));
  s.StartPrepare();
  s.clock.Advance(Milliseconds(7));
  s.FinishPrepare(task);
  s.clock.Advance(Milliseconds(11));
  s.Start();
  s.clock.Advance(Milliseconds(13));
  s.Finish();
  EXPECT_EQ(task->execution.rung, 3);
  EXPECT_EQ(task->execution.queue_time, Milliseconds(16));
  EXPECT_EQ(task->execution.prepare_time, Milliseconds(7));
  EXPECT_EQ(task->execution.compute_time, Milliseconds(13));
  EXPECT_EQ(task->execution.batch_size, 2);
}

TEST(Scheduler, AddsUpTheBusyTimeOfItsWorkers) {
  SteppedScheduler s({.workers = 2, .policy = {.max_batch = 1}});
  s.AddReady();
  s.AddReady();
  s.Start(0);
  s.clock.Advance(Milliseconds(10));
  s.Start(1);
  s.clock.Advance(Milliseconds(5));
  EXPECT_EQ(s.Stats().busy_workers, 2);
  EXPECT_EQ(s.Stats().busy_time, Milliseconds(20)) << "running batches count up to now";
  s.Finish(0);
  s.clock.Advance(Milliseconds(1));
  s.Finish(1);
  s.clock.Advance(Milliseconds(50));
  EXPECT_EQ(s.Stats().busy_workers, 0);
  EXPECT_EQ(s.Stats().busy_time, Milliseconds(21));
}

// --- Shutdown ---

TEST(Scheduler, AcceptsNothingMoreButFinishesOnceItDrains) {
  SteppedScheduler s;
  FakeTask* task = s.Add();
  s.scheduler().StopAccepting();
  const absl::Status status = s.Submit({s.Make({})});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(GetReason(status), kReasonDraining);
  s.PrepareAll();
  s.Start();
  s.Finish();
  EXPECT_TRUE(task->status.ok());
}

TEST(Scheduler, GivesUpWhatWaitsWhenAborted) {
  SteppedScheduler s({.policy = {.max_batch = 1}});
  FakeTask* running = s.AddReady();
  s.Start();
  FakeTask* preparing = s.Add();
  s.StartPrepare();
  FakeTask* waiting = s.Add();
  FakeTask* ready = s.AddReady();
  s.Abort();
  EXPECT_EQ(GetReason(waiting->status), kReasonDraining);
  EXPECT_EQ(GetReason(ready->status), kReasonDraining);
  EXPECT_EQ(preparing->ended, 0);
  s.FinishPrepare(preparing);
  EXPECT_EQ(GetReason(preparing->status), kReasonDraining);
  s.Finish();
  EXPECT_TRUE(running->status.ok());
  EXPECT_TRUE(s.scheduler().Idle());
}

}  // namespace
}  // namespace snapvit
