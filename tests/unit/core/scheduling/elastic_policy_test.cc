#include "core/scheduling/elastic_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "core/base/error_reason.h"
#include "core/scheduling/scheduler.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_task.h"

namespace snapvit {
namespace {

using absl::Milliseconds;
using testing::AllOf;
using testing::Each;
using testing::Ge;
using testing::Le;

constexpr int kTop = 4;

// Rungs 0 … 4 take 2, 4, 6, 8, 10 ms an image, in any batch.
std::shared_ptr<const LatencyTable> Profile() {
  std::vector<std::vector<absl::Duration>> times;
  for (int rung = 0; rung <= kTop; ++rung) {
    times.push_back({Milliseconds(2 * (rung + 1)), 8 * Milliseconds(2 * (rung + 1))});
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

  TaskSpec Spec(absl::Duration deadline = Milliseconds(100)) {
    TaskSpec spec;
    spec.wanted = kTop;
    spec.latency = profile_;
    spec.soft_deadline = clock_.Now() + deadline;
    spec.needs_preparation = false;
    return spec;
  }
  absl::Status Submit(TaskSpec spec) {
    Task* const task = tasks_.emplace_back(std::make_unique<FakeTask>(std::move(spec))).get();
    const absl::Status status = scheduler_->Submit({&task, 1}, &done_);
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
    for (; clock_.Now() < end; clock_.Advance(Milliseconds(1))) {
      arrive();
      for (size_t worker = 0; worker < ends_.size(); ++worker) {
        if (sizes_[worker] > 0 && clock_.Now() >= ends_[worker]) Finish(worker);
        if (sizes_[worker] == 0) Start(worker);
      }
    }
  }
  // The same with a task every `interval` of tenant `tenant`.
  std::function<void()> Every(int interval_ms, int tenant = 0,
                              absl::Duration deadline = Milliseconds(100)) {
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
  Run(Milliseconds(1500), Every(2, 0, Milliseconds(20)));
  EXPECT_EQ(static_cast<FakeTask*>(task)->ended, 1);
}

// --- Tenants ---

// Share of `tenant` among what was served, and the mean rung that it got.
struct Share {
  double items = 0;
  double mean_rung = 0;
};
Share ShareOf(int tenant, const std::vector<std::pair<int, int>>& tenant_rungs) {
  Share share;
  for (const auto& [of, rung] : tenant_rungs) {
    if (of != tenant) continue;
    share.items += 1;
    share.mean_rung += rung;
  }
  if (share.items > 0) share.mean_rung /= share.items;
  return share;
}

TEST_F(ElasticPolicyTest, DoesNotLowerATenantWithinItsShareForAGreedyOne) {
  Run(absl::Seconds(3), [modest = Every(30, 1), greedy = Every(1, 2)] {
    modest();
    greedy();
  });
  std::vector<std::pair<int, int>> rungs;
  size_t late = 0;
  for (const Served& served : served_) {
    if (!served.status.ok()) continue;
    rungs.emplace_back(served.task->spec().tenant, served.rung);
    const auto& task = static_cast<const FakeTask&>(*served.task);
    if (served.task->spec().tenant == 1 &&
        task.execution.queue_time + task.execution.compute_time > Milliseconds(100)) {
      ++late;
    }
  }
  const Share one = ShareOf(1, rungs);
  EXPECT_GE(one.items, 98) << "all of it is served";
  EXPECT_EQ(late, 0u);
  EXPECT_GE(one.mean_rung, kTop - 0.02 * kTop) << "at what it wants";
  EXPECT_LE(ShareOf(2, rungs).mean_rung, 0.5);
}

TEST_F(ElasticPolicyTest, SharesTheEngineByWeight) {
  scheduler_->SetTenants({{1}, {1}, {3}});
  std::map<int, double> engine_ms;
  Run(absl::Seconds(3), [one = Every(1, 1), two = Every(1, 2)] {
    one();
    two();
  });
  for (const Served& served : served_) {
    if (served.rung >= 0) engine_ms[served.task->spec().tenant] += 2 * (served.rung + 1);
  }
  EXPECT_NEAR(engine_ms[2] / engine_ms[1], 3, 0.3);
}

TEST_F(ElasticPolicyTest, LeavesWhatIsFreeToTheInteractiveFirst) {
  constexpr auto kBatch = PriorityClass::kBatch;
  scheduler_->SetTenants({{}, {1}, {1}, {1, kBatch}});
  // The first uses a tenth of the engine; the others ask for much more than there is.
  Run(absl::Seconds(4), [one = Every(100, 1), two = Every(1, 2), three = Every(1, 3)] {
    one();
    two();
    three();
  });
  std::map<int, double> engine_ms;
  std::map<int, size_t> items;
  for (const Served& served : served_) {
    if (served.rung < 0) continue;
    engine_ms[served.task->spec().tenant] += 2 * (served.rung + 1);
    ++items[served.task->spec().tenant];
  }
  EXPECT_GE(items[1], 39u);
  EXPECT_NEAR(engine_ms[1] / items[1], 2 * (kTop + 1), 0.1) << "it is within its share";
  EXPECT_NEAR(engine_ms[3] / 4000, 1.0 / 3, 0.03) << "its share, not less";
  EXPECT_NEAR(engine_ms[2] / 4000, 0.9 - 1.0 / 3, 0.05) << "and all that is left";
}

TEST_F(ElasticPolicyTest, DoesNotLowerABatchTenantWithinItsShareForAnInteractiveOne) {
  scheduler_->SetTenants({{}, {1, PriorityClass::kBatch}, {1}});
  Run(absl::Seconds(3), [modest = Every(30, 1), greedy = Every(1, 2)] {
    modest();
    greedy();
  });
  std::vector<std::pair<int, int>> rungs;
  for (const Served& served : served_) {
    if (served.status.ok()) rungs.emplace_back(served.task->spec().tenant, served.rung);
  }
  EXPECT_GE(ShareOf(1, rungs).items, 97);
  EXPECT_GE(ShareOf(1, rungs).mean_rung, kTop - 0.02 * kTop);
}

TEST_F(ElasticPolicyTest, ServesTheInteractiveBeforeTheBatchTasksThatAreDueEarlier) {
  scheduler_->SetTenants({{1}, {1, PriorityClass::kBatch}});
  for (const int tenant : {1, 0}) {
    TaskSpec spec = Spec(Milliseconds(tenant == 0 ? 200 : 100));
    spec.tenant = tenant;
    spec.floor = tenant == 0 ? kTop : 0;  // in no batch with the other
    spec.wanted = tenant == 0 ? kTop : 0;
    Add(spec);
  }
  EXPECT_THAT(Start(), testing::ElementsAre(kTop));
}

TEST_F(ElasticPolicyTest, ShowsTheCapOfEachTenant) {
  Run(absl::Seconds(3), [one = Every(30, 1), two = Every(1, 2)] {
    one();
    two();
  });
  const TenantGovernances tenants = scheduler_->Governance();
  ASSERT_EQ(tenants.size(), 3u);
  EXPECT_GE(tenants[1].cap_rung, kTop) << "no cap";
  EXPECT_EQ(tenants[2].cap_rung, 0);
  EXPECT_NEAR(tenants[1].demand, 0.33, 0.15);
  EXPECT_GT(tenants[2].demand, 5);
  EXPECT_GT(tenants[2].queued_items, 0u);
}

TEST_F(ElasticPolicyTest, RestsAtSteadyLoad) {
  Run(absl::Seconds(3), Every(5));
  int moves = 0;
  int cap = scheduler_->Governance()[0].cap_rung;
  Run(absl::Seconds(60), [&, arrive = Every(5)] {
    arrive();
    moves += scheduler_->Governance()[0].cap_rung != cap ? 1 : 0;
    cap = scheduler_->Governance()[0].cap_rung;
  });
  EXPECT_LE(moves, 4) << "in a minute";
}

TEST_F(ElasticPolicyTest, ShedsFromTheTenantThatIsMostOverItsShare) {
  Restart(1, {.max_items = 20});
  for (int i = 0; i < 20; ++i) {
    TaskSpec spec = Spec();
    spec.tenant = 1;
    Add(spec);
    clock_.Advance(absl::Microseconds(10));
  }
  Task* const newest = tasks_.back().get();
  TaskSpec modest = Spec();
  modest.tenant = 2;
  EXPECT_TRUE(Submit(modest).ok()) << "there is room for it";
  ASSERT_EQ(served_.size(), 1u);
  EXPECT_EQ(served_[0].task, newest) << "the newest of the greedy tenant goes";
  EXPECT_EQ(GetReason(served_[0].status), kReasonQueueFull);
  TaskSpec greedy = Spec();
  greedy.tenant = 1;
  EXPECT_EQ(GetReason(Submit(greedy)), kReasonQueueFull);
}

}  // namespace
}  // namespace snapvit
