#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "core/base/error_reason.h"
#include "core/scheduling/elastic_policy.h"
#include "core/scheduling/scheduler.h"
#include "tests/unit/core/scheduling/elastic_policy_fixture.h"

namespace snapvit {
namespace {

using absl::Milliseconds;

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

TEST_F(ElasticPolicyTest, MakesRoomForALargeRequestOfATenantWithinItsShare) {
  Restart(1, {.max_items = 64});
  for (const int images : {1, 8, 16, 32}) {
    TaskSpec greedy = Spec(absl::Seconds(1));
    greedy.tenant = 1;
    while (Submit(greedy).ok()) clock_.Advance(absl::Microseconds(10));
    TaskSpec modest = Spec(absl::Seconds(1));
    modest.tenant = 2;
    EXPECT_TRUE(Submit(modest, images).ok()) << images;
    served_.clear();
    clock_.Advance(absl::Seconds(20));
    Run(absl::Seconds(2), [] {});
  }
}

// A backlog that may wait is a demand all the same: else it would seem to be within its share.
TEST_F(ElasticPolicyTest, IsInTimeBesideManyTenantsThatMayWait) {
  Run(absl::Seconds(10), [&, urgent = Every(80, 0)]() mutable {
    urgent();
    const TenantGovernances tenants = scheduler_->Governance();
    for (int tenant = 1; tenant < 8; ++tenant) {
      const size_t known =
          static_cast<size_t>(tenant) < tenants.size() ? tenants[tenant].queued_items : 0;
      for (size_t i = known; i < 3; ++i) {
        TaskSpec spec = Spec(absl::InfiniteDuration());
        spec.tenant = tenant;
        Add(spec);
      }
    }
  });
  size_t late = 0, urgent = 0;
  for (const Served& served : served_) {
    if (served.task->spec().tenant != 0) continue;
    ++urgent;
    const auto& task = static_cast<const FakeTask&>(*served.task);
    late += task.execution.queue_time + task.execution.compute_time > Milliseconds(100) ? 1 : 0;
  }
  EXPECT_GE(urgent, 120u);
  EXPECT_LE(late, urgent / 20);
}

TEST_F(ElasticPolicyTest, GivesNobodyUpForARequestThatIsRefusedAllTheSame) {
  Restart(1, {.max_items = 40});
  for (const int tenant : {1, 3}) {
    TaskSpec spec = Spec(absl::Seconds(1));
    spec.tenant = tenant;
    spec.wanted = tenant == 3 ? 0 : kTop;  // well within its share
    for (int i = 0; i < 20; ++i) Add(spec);
  }
  TaskSpec spec = Spec(absl::Seconds(1));
  spec.tenant = 2;
  spec.floor = kTop;  // asks for much more than its share
  EXPECT_EQ(GetReason(Submit(spec, 40)), kReasonQueueFull);
  EXPECT_TRUE(served_.empty());
  EXPECT_EQ(scheduler_->Stats().queued.items, 40u);
}

TEST_F(ElasticPolicyTest, DoesNotLowerLargeRequestsOfATenantWithinItsShare) {
  // 32 images at once are 320 ms of the engine; the tenant has half of it, and a second.
  Run(absl::Seconds(40), [this, greedy = Every(1, 1, absl::Seconds(1)), ms = 0]() mutable {
    greedy();
    if (ms++ % 5000 != 0) return;
    TaskSpec spec = Spec(absl::Seconds(1));
    spec.tenant = 2;
    EXPECT_TRUE(Submit(spec, 32).ok());
  });
  size_t served = 0, lowered = 0;
  for (const Served& one : served_) {
    if (one.task->spec().tenant != 2) continue;
    EXPECT_TRUE(one.status.ok()) << one.status;
    ++served;
    lowered += one.rung < kTop ? 1 : 0;
  }
  EXPECT_EQ(served, 8u * 32);
  EXPECT_LE(lowered, 8u);
}

}  // namespace
}  // namespace snapvit
