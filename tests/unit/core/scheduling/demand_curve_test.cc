#include "core/scheduling/demand_curve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

namespace snapvit {
namespace {

const std::vector<double> kCost = {1, 2, 4, 8};

double CostAtCap(const std::vector<std::pair<int, int>>& tasks, int cap) {
  double cost = 0;
  for (const auto& [floor, wanted] : tasks) cost += kCost[std::clamp(cap, floor, wanted)];
  return cost;
}

// Against adding up task by task.
TEST(DemandCurve, FindsTheHighestCapOfRandomTasks) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::pair<int, int>> tasks;
    DemandCurve one, two;
    const int count = std::uniform_int_distribution<int>(1, 12)(random);
    for (int i = 0; i < count; ++i) {
      const int wanted = std::uniform_int_distribution<int>(0, 3)(random);
      const int floor = std::uniform_int_distribution<int>(0, wanted)(random);
      tasks.emplace_back(floor, wanted);
      (i % 2 == 0 ? one : two).Add(floor, wanted, i % 2 == 0 ? 1 : 0.5);
    }
    const WeightedCurve curves[] = {{&one, 1}, {&two, 2}};
    const double budget = std::uniform_int_distribution<int>(0, 60)(random);
    int expected = 0;
    while (expected < 3 && CostAtCap(tasks, expected + 1) <= budget) ++expected;
    const Cap cap = HighestCap(curves, kCost, budget);
    ASSERT_EQ(cap.rung, expected) << "round " << round;
    ASSERT_NEAR(cap.cost, CostAtCap(tasks, expected), 1e-9);
    ASSERT_NEAR(CostAtWanted(curves, kCost), CostAtCap(tasks, 3), 1e-9);
    ASSERT_NEAR(CostAtFloor(curves, kCost), CostAtCap(tasks, 0), 1e-9);
  }
}

TEST(DemandCurve, ForgetsWhatWasTakenAway) {
  DemandCurve curve;
  curve.Add(0, 3, 1);
  curve.Add(1, 2, 1);
  curve.Add(0, 3, -1);
  const WeightedCurve curves[] = {{&curve, 1}};
  EXPECT_EQ(curve.tasks(), 1);
  EXPECT_EQ(CostAtWanted(curves, kCost), 4);
}

TEST(ArrivalCurve, MeasuresASteadyRateFromTheStart) {
  ArrivalCurve arrivals(absl::Milliseconds(500));
  double now = 1.7e9;
  for (int i = 0; i < 3000; ++i, now += 0.002) {
    arrivals.Add(0, 1, 1, now);
    const double rate = arrivals.counts().tasks() * arrivals.RateFactor(now);
    if (i <= 25) continue;
    ASSERT_NEAR(rate, 500, i > 250 ? 5 : 100) << "after " << i << " arrivals";
  }
}

TEST(ArrivalCurve, FadesWithItsWindow) {
  ArrivalCurve arrivals(absl::Seconds(1));
  for (int i = 0; i < 10000; ++i) arrivals.Add(0, 1, 1, 1000 + i * 0.01);
  const double before = arrivals.counts().tasks() * arrivals.RateFactor(1100);
  const double after = arrivals.counts().tasks() * arrivals.RateFactor(1101);
  EXPECT_NEAR(after / before, std::exp(-1), 1e-6);
}

TEST(ArrivalCurve, SurvivesALongPause) {
  ArrivalCurve arrivals(absl::Milliseconds(100));
  for (int i = 0; i < 10; ++i) arrivals.Add(0, 1, 1, 1000);
  arrivals.Add(0, 1, 1, 1e9);
  EXPECT_NEAR(arrivals.counts().tasks() * arrivals.RateFactor(1e9), 0, 1e-6);
  arrivals.Add(0, 1, 1, 1e9);
  EXPECT_NEAR(arrivals.counts().tasks() * arrivals.RateFactor(1e9), 10, 1e-6);
}

TEST(ArrivalCurve, DoesNotTakeALargeRequestForARate) {
  ArrivalCurve arrivals(absl::Milliseconds(500));
  for (double now = 1000; now < 1100; now += 5) {
    arrivals.Add(0, 1, 32, now);
    ASSERT_LT(arrivals.counts().tasks() * arrivals.RateFactor(now), 0.1) << now;
  }
}

TEST(ArrivalCurve, ExpectsNoMoreOfABurstThanThereWas) {
  ArrivalCurve arrivals(absl::Milliseconds(500));
  for (int i = 0; i < 65; ++i) arrivals.Add(0, 1, 1, 1000);
  const auto tasks = [&](double seconds, double now) {
    return arrivals.counts().tasks() * arrivals.TasksFactor(seconds, now);
  };
  for (const double seconds : {0.1, 0.5, 10.0}) EXPECT_NEAR(tasks(seconds, 1000), 64, 1e-6);
  EXPECT_NEAR(tasks(0.1, 1000.5), 64 * std::exp(-1) * 0.2 / (1 - std::exp(-1)), 1e-6);
}

}  // namespace
}  // namespace snapvit
