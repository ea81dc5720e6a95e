#include "core/scheduling/deadline_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/time/time.h"
#include "tests/unit/core/scheduling/stepped_scheduler.h"

namespace snapvit {
namespace {

using absl::Milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

TaskSpec Wanting(int rung) { return {.floor = 0, .wanted = rung}; }

TEST(DeadlinePolicy, ServesInOrderOfArrivalWithoutDeadlines) {
  SteppedScheduler s;
  FakeTask* first = s.AddReady();
  FakeTask* second = s.AddReady();
  FakeTask* third = s.AddReady();
  EXPECT_THAT(s.Start(), ElementsAre(first, second, third));
}

TEST(DeadlinePolicy, ServesTheEarlierDeadlineFirst) {
  SteppedScheduler s;
  FakeTask* relaxed = s.AddReady({.hard_deadline = s.In(Milliseconds(500))});
  FakeTask* none = s.AddReady();
  FakeTask* urgent = s.AddReady({.hard_deadline = s.In(Milliseconds(100))});
  EXPECT_THAT(s.Start(), ElementsAre(urgent, relaxed, none));
}

TEST(DeadlinePolicy, IsFifoAmongEqualDeadlines) {
  SteppedScheduler s;
  const absl::Time deadline = s.In(Milliseconds(100));
  FakeTask* first = s.AddReady({.hard_deadline = deadline});
  s.clock.Advance(Milliseconds(1));
  FakeTask* second = s.AddReady({.hard_deadline = deadline});
  EXPECT_THAT(s.Start(), ElementsAre(first, second));
}

// Soft deadlines pick rungs; they must not let a tenant overtake.
TEST(DeadlinePolicy, IgnoresSoftDeadlinesInTheOrder) {
  SteppedScheduler s;
  FakeTask* first = s.AddReady({.soft_deadline = s.In(Milliseconds(900))});
  FakeTask* second = s.AddReady({.soft_deadline = s.In(Milliseconds(1))});
  EXPECT_THAT(s.Start(), ElementsAre(first, second));
}

TEST(DeadlinePolicy, StarvesNoTaskBehindAStreamOfUrgentOnes) {
  SteppedScheduler s({.policy = {.max_batch = 1, .patience = Milliseconds(200)}});
  FakeTask* patient = s.AddReady();
  for (int step = 0; step < 100 && patient->ended == 0; ++step) {
    s.AddReady({.hard_deadline = s.In(Milliseconds(50))});
    s.AddReady({.hard_deadline = s.In(Milliseconds(50))});
    s.Start();
    s.clock.Advance(Milliseconds(10));
    s.Finish();
  }
  EXPECT_EQ(patient->ended, 1);
  EXPECT_LE(patient->execution.queue_time, Milliseconds(200));
}

TEST(DeadlinePolicy, FillsTheBatchWithTheHeadsRungOnly) {
  SteppedScheduler s;
  FakeTask* a1 = s.AddReady(Wanting(1));
  FakeTask* b1 = s.AddReady(Wanting(2));
  FakeTask* a2 = s.AddReady(Wanting(1));
  FakeTask* b2 = s.AddReady(Wanting(2));
  EXPECT_THAT(s.Start(), ElementsAre(a1, a2));
  s.Finish();
  EXPECT_THAT(s.Start(), ElementsAre(b1, b2));
}

// After a new ordering is loaded, rung 1 is another sub-network.
TEST(DeadlinePolicy, NeverMixesLadders) {
  SteppedScheduler s;
  FakeTask* old_ladder = s.AddReady({.wanted = 1, .ladder = 1});
  FakeTask* new_ladder = s.AddReady({.wanted = 1, .ladder = 2});
  EXPECT_THAT(s.Start(), ElementsAre(old_ladder));
  s.Finish();
  EXPECT_THAT(s.Start(), ElementsAre(new_ladder));
}

TEST(DeadlinePolicy, TakesAtMostMaxBatch) {
  SteppedScheduler s;
  for (int i = 0; i < 6; ++i) s.AddReady();
  EXPECT_EQ(s.Start().size(), 4u);
  s.Finish();
  EXPECT_EQ(s.Start().size(), 2u);
}

TEST(DeadlinePolicy, TakesWhatIsReadyAtOnce) {
  SteppedScheduler s;
  FakeTask* only = s.AddReady();
  EXPECT_THAT(s.Start(), ElementsAre(only));
}

TEST(DeadlinePolicy, ServesTheWantedRung) {
  SteppedScheduler s;
  FakeTask* task = s.AddReady({.floor = 2, .wanted = 7});
  s.Start();
  s.Finish();
  EXPECT_EQ(task->execution.rung, 7);
  EXPECT_EQ(task->execution.reason, RungReason::kAsWanted);
}

TEST(DeadlinePolicy, PrefersWhatIsPreparedToIdling) {
  SteppedScheduler s;
  s.Add({.hard_deadline = s.In(Milliseconds(10))});
  s.StartPrepare();  // the urgent one is still being decoded
  FakeTask* other = s.AddReady();
  EXPECT_THAT(s.Start(), ElementsAre(other));
}

TEST(DeadlinePolicy, PreparesTogetherWhatIsComputedTogether) {
  SteppedScheduler s({.policy = {.max_batch = 2}});
  FakeTask* a1 = s.Add(Wanting(1));
  FakeTask* b1 = s.Add(Wanting(2));
  FakeTask* a2 = s.Add(Wanting(1));
  FakeTask* a3 = s.Add(Wanting(1));
  std::vector<Task*> order;
  while (Task* task = s.StartPrepare()) order.push_back(task);
  EXPECT_THAT(order, ElementsAre(a1, a2, b1, a3));
}

TEST(DeadlinePolicy, LetsAnUrgentArrivalBreakTheGrouping) {
  SteppedScheduler s;
  FakeTask* a1 = s.Add(Wanting(1));
  FakeTask* a2 = s.Add(Wanting(1));
  FakeTask* a3 = s.Add(Wanting(1));
  EXPECT_EQ(s.StartPrepare(), a1);
  FakeTask* urgent = s.Add({.wanted = 2, .hard_deadline = s.In(Milliseconds(10))});
  EXPECT_EQ(s.StartPrepare(), urgent);
  EXPECT_EQ(s.StartPrepare(), a2);
  EXPECT_EQ(s.StartPrepare(), a3);
}

TEST(DeadlinePolicy, HasNothingWhenNothingIsReady) {
  SteppedScheduler s;
  EXPECT_THAT(s.Start(), IsEmpty());
  s.Add();
  EXPECT_THAT(s.Start(), IsEmpty());
}

}  // namespace
}  // namespace snapvit
