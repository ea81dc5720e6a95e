#include "core/scheduling/elastic_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "core/base/error_reason.h"
#include "core/scheduling/scheduler.h"
#include "tests/unit/core/scheduling/elastic_policy_fixture.h"

namespace snapvit {
namespace {

using absl::Milliseconds;
using testing::AllOf;
using testing::Each;
using testing::Ge;
using testing::Le;

// --- Budgets under load ---

TEST_F(ElasticPolicyTest, ServesWhatIsWantedWhileThereIsRoom) {
  Run(absl::Seconds(2), Every(12));  // 83 % busy at the top
  EXPECT_THAT(RungsServed(), Each(kTop));
}

TEST_F(ElasticPolicyTest, LowersRungsUnderLoadAndServesEverybodyInTime) {
  Run(absl::Seconds(2), Every(5));  // twice what the top could serve
  EXPECT_GE(served_.size(), 390u);
  size_t lowered = 0;
  for (const Served& served : served_) {
    const auto& task = static_cast<const FakeTask&>(*served.task);
    EXPECT_TRUE(served.status.ok());
    EXPECT_LE(task.execution.queue_time + task.execution.compute_time, Milliseconds(100));
    if (served.rung == kTop) continue;
    ++lowered;
    EXPECT_NE(served.reason, RungReason::kAsWanted);
  }
  EXPECT_GT(lowered, 300u);
}

TEST_F(ElasticPolicyTest, HoldsTheQueueAtASteadyOverload) {
  Run(absl::Seconds(2), Every(5));
  RungsServed();
  // 5 ms an image: between rungs 1 (4 ms) and 2 (6 ms).
  Run(absl::Seconds(2), Every(5));
  EXPECT_THAT(RungsServed(), Each(AllOf(Ge(0), Le(3))));
  EXPECT_LE(scheduler_->Stats().queued.items, 20u);
}

TEST_F(ElasticPolicyTest, ReactsWithinAFewBatchesToABurst) {
  Run(absl::Seconds(1), Every(50));
  RungsServed();
  for (int i = 0; i < 30; ++i) Add(Spec());  // 300 ms of the top rung, due in 100 ms
  Run(Milliseconds(100), [] {});
  EXPECT_EQ(served_.size(), 30u) << "of the burst, all in time";
}

TEST_F(ElasticPolicyTest, GivesQualityBackAfterTheLoad) {
  Run(absl::Seconds(3), Every(4));
  Run(absl::Seconds(2), Every(30));
  RungsServed();
  Run(absl::Seconds(1), Every(30));
  EXPECT_THAT(RungsServed(), Each(kTop));
}

TEST_F(ElasticPolicyTest, KeepsToTheFloorOfEachTask) {
  Run(absl::Seconds(2), [this, ms = 0]() mutable {
    if (ms++ % 3 != 0) return;
    TaskSpec spec = Spec();
    spec.floor = ms % 2 == 0 ? 2 : 0;
    (void)Submit(std::move(spec));
  });
  for (const Served& served : served_) {
    if (served.rung < 0) continue;
    EXPECT_GE(served.rung, served.task->spec().floor);
  }
}

TEST_F(ElasticPolicyTest, NeverLowersAStrictTask) {
  Run(absl::Seconds(1), [this, ms = 0]() mutable {
    TaskSpec spec = Spec();
    spec.floor = ++ms % 10 == 0 ? kTop : 0;
    if (ms % 4 == 0 || ms % 10 == 0) (void)Submit(std::move(spec));
  });
  size_t strict = 0;
  for (const Served& served : served_) {
    if (served.task->spec().floor < kTop) continue;
    ++strict;
    EXPECT_EQ(served.rung, kTop);
    EXPECT_EQ(served.reason, RungReason::kAsWanted);
  }
  EXPECT_GT(strict, 50u);
}

TEST_F(ElasticPolicyTest, LowersAnUrgentTaskForItsDeadline) {
  Add(Spec(Milliseconds(7)));
  EXPECT_THAT(Start(), Each(2)) << "6 ms";
  Finish(0);
  ASSERT_EQ(served_.size(), 1u);
  EXPECT_EQ(served_[0].reason, RungReason::kDeadline);
}

TEST_F(ElasticPolicyTest, ServesAsWantedWithoutAProfile) {
  TaskSpec spec = Spec();
  spec.latency = nullptr;
  Add(spec);
  EXPECT_THAT(Start(), Each(kTop));
}

TEST_F(ElasticPolicyTest, FollowsLatenciesThatDrift) {
  slowdown_ = 2;  // the top rung takes 20 ms now
  Run(absl::Seconds(4), Every(12));
  served_.clear();
  Run(absl::Seconds(2), Every(12));
  for (const Served& served : served_) {
    const auto& task = static_cast<const FakeTask&>(*served.task);
    EXPECT_LE(task.execution.queue_time + task.execution.compute_time, Milliseconds(100));
  }
  EXPECT_LE(scheduler_->Stats().queued.items, 8u);
}

TEST_F(ElasticPolicyTest, UsesEveryWorker) {
  Restart(3);
  for (int i = 0; i < 3; ++i) Add(Spec());
  EXPECT_EQ(Start(0).size(), 1u);
  EXPECT_EQ(Start(1).size(), 1u);
  EXPECT_EQ(Start(2).size(), 1u);
}

// --- Deadlines ---

TEST_F(ElasticPolicyTest, SpendsNothingOnWhatCannotBeInTime) {
  TaskSpec spec = Spec();
  spec.hard_deadline = clock_.Now() + Milliseconds(3);
  Add(spec);
  clock_.Advance(Milliseconds(2));  // 1 ms left, rung 0 takes 2
  EXPECT_TRUE(Start().empty());
  clock_.Advance(Milliseconds(1));
  scheduler_->Expire(&done_);
  Deliver();
  ASSERT_EQ(served_.size(), 1u);
  EXPECT_EQ(GetReason(served_[0].status), kReasonExpired);
}

TEST_F(ElasticPolicyTest, RefusesAtOnceWhatCannotMeetItsDeadlineEvenAtItsFloor) {
  TaskSpec spec = Spec();
  spec.hard_deadline = clock_.Now() + Milliseconds(40);
  spec.soft_deadline = absl::InfiniteFuture();
  int accepted = 0;
  absl::Status status;
  while ((status = Submit(spec)).ok() && accepted < 100) ++accepted;
  EXPECT_EQ(accepted, 20) << "40 ms at 2 ms each";
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetReason(status), kReasonDeadlineUnmeetable);
  EXPECT_TRUE(GetRetryAfter(status).has_value());
  spec.hard_deadline = clock_.Now() + Milliseconds(10);
  EXPECT_TRUE(Submit(spec).ok()) << "what is due sooner does not wait behind the others";
}

TEST_F(ElasticPolicyTest, ServesLateWhatHasOnlyASoftDeadline) {
  Add(Spec(Milliseconds(5)));
  clock_.Advance(Milliseconds(50));
  EXPECT_THAT(Start(), Each(0)) << "at its floor, quickly";
}

TEST_F(ElasticPolicyTest, StarvesNoTaskBehindAStreamOfUrgentOnes) {
  TaskSpec patient = Spec(absl::InfiniteDuration());
  Task* const task = Add(patient);
  Run(absl::Seconds(11), Every(2, 0, Milliseconds(20)));
  EXPECT_EQ(static_cast<FakeTask*>(task)->ended, 1);
}

TEST_F(ElasticPolicyTest, TellsOnlyThoseToRetryWhoCanBeInTimeOnAnIdleEngine) {
  TaskSpec spec = Spec();
  spec.hard_deadline = clock_.Now() + Milliseconds(40);
  const absl::Status status = Submit(spec, 21);  // 42 ms at the floor
  EXPECT_EQ(GetReason(status), kReasonDeadlineUnmeetable);
  EXPECT_FALSE(GetRetryAfter(status).has_value());
  EXPECT_TRUE(Submit(spec, 20).ok());
}

// --- Those who have time ---

TEST_F(ElasticPolicyTest, DoesNotLowerABurstThatIsInTimeAsWanted) {
  for (const absl::Duration deadline : {absl::Seconds(3), absl::Seconds(60)}) {
    for (int i = 0; i < 100; ++i) Add(Spec(deadline));  // a second of the top rung
    Run(absl::Seconds(2), [] {});
    EXPECT_EQ(served_.size(), 100u);
    EXPECT_THAT(RungsServed(), Each(kTop)) << deadline;
    clock_.Advance(absl::Seconds(100));
  }
}

TEST_F(ElasticPolicyTest, ServesABacklogWithoutADeadlineAsWanted) {
  // A client that embeds a collection: 256 images are always under way.
  Run(absl::Seconds(20), [this] {
    while (scheduler_->Stats().queued.items < 256) Add(Spec(absl::InfiniteDuration()));
  });
  EXPECT_GE(served_.size(), 1900u);
  EXPECT_THAT(RungsServed(), Each(kTop));
}

TEST_F(ElasticPolicyTest, LowersRungsBeforeTheQueueIsFullWhereNothingIsDue) {
  Restart(1, {.max_items = 400});
  size_t refused = 0, most = 0;
  Run(absl::Seconds(60), [&, ms = 0]() mutable {  // twice what the top could serve
    if (ms++ % 5 == 0 && !Submit(Spec(absl::InfiniteDuration())).ok()) ++refused;
    most = std::max(most, scheduler_->Stats().queued.items);
  });
  EXPECT_EQ(refused, 0u);
  EXPECT_GE(most, 150u) << "room is for waiting";
  EXPECT_LE(most, 300u);
  double sum = 0;
  const std::vector<int> rungs = RungsServed();
  for (const int rung : rungs) sum += rung;
  // 5 ms an image: between rungs 1 (4 ms) and 2 (6 ms).
  EXPECT_NEAR(sum / static_cast<double>(rungs.size()), 1.5, 0.2);
}

TEST_F(ElasticPolicyTest, ServesWhatHasTimeInBatchesThatPay) {
  profile_ = std::make_shared<const LatencyTable>(
      *LatencyTable::Create({1, 8}, {{Milliseconds(10), Milliseconds(17)}}));
  for (const absl::Duration deadline : {absl::Seconds(60), absl::InfiniteDuration()}) {
    for (int i = 0; i < 64; ++i) {
      TaskSpec spec = Spec(deadline);
      spec.wanted = 0;
      Add(spec);
    }
    EXPECT_EQ(Start().size(), 8u) << deadline;
    Finish(0);
    Run(absl::Seconds(2), [] {});
  }
}

TEST_F(ElasticPolicyTest, ServesUrgentTasksBeforePatientOnesOfTheirTenant) {
  size_t expired = 0, urgent = 0;
  Run(absl::Seconds(20), [&, ms = 0]() mutable {
    while (scheduler_->Stats().queued.items < 256) Add(Spec(absl::InfiniteDuration()));
    if (ms++ % 50 != 0) return;
    TaskSpec spec = Spec(absl::InfiniteDuration());
    spec.hard_deadline = clock_.Now() + Milliseconds(1500);
    urgent += Submit(std::move(spec)).ok() ? 1 : 0;
    scheduler_->Expire(&done_);
    Deliver();
  });
  for (const Served& served : served_) expired += served.status.ok() ? 0 : 1;
  EXPECT_GE(urgent, 390u);
  EXPECT_EQ(expired, 0u);
}

TEST_F(ElasticPolicyTest, KeepsAFewPatientTasksFromChangingWhatUrgentOnesGet) {
  Run(absl::Seconds(3), [this, urgent = Every(5), ms = 0]() mutable {
    urgent();
    if (ms++ % 100 == 0) Add(Spec(absl::InfiniteDuration()));
  });
  size_t late = 0;
  for (const Served& served : served_) {
    const auto& task = static_cast<const FakeTask&>(*served.task);
    if (served.task->spec().soft_deadline == absl::InfiniteFuture()) continue;
    if (task.execution.queue_time + task.execution.compute_time > Milliseconds(100)) ++late;
  }
  EXPECT_EQ(late, 0u);
}

TEST_F(ElasticPolicyTest, ReckonsWithTheWorkersThatAreLeft) {
  Restart(2);
  scheduler_->StopWorker(1);
  ends_.resize(1);
  sizes_.resize(1);
  Run(absl::Seconds(3), Every(5));  // what two would do at the top
  size_t late = 0;
  for (const Served& served : served_) {
    const auto& task = static_cast<const FakeTask&>(*served.task);
    if (task.execution.queue_time + task.execution.compute_time > Milliseconds(100)) ++late;
  }
  EXPECT_GE(served_.size(), 580u);
  EXPECT_EQ(late, 0u);
}

}  // namespace
}  // namespace snapvit
