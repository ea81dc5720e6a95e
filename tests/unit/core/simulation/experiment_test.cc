#include "core/simulation/experiment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/scheduling/baseline_policies.h"

namespace snapvit {
namespace {

TEST(Experiment, ComparesInPairs) {
  const PairedDifference difference = Compare({1.1, 2.2, 3.3}, {1, 2, 3});
  EXPECT_NEAR(difference.mean, 0.2, 1e-12);
  EXPECT_NEAR(difference.lower, 0.2 - 4.303 * 0.1 / std::sqrt(3), 1e-3);
  EXPECT_NEAR(difference.upper, 0.2 + 4.303 * 0.1 / std::sqrt(3), 1e-3);
}

TEST(Experiment, DrawsTheSameLoadForASeed) {
  const auto a = DrawArrivals("constant@100+gamma:4@200", 10, 1);
  const auto b = DrawArrivals("constant@100+gamma:4@200", 10, 1);
  const auto c = DrawArrivals("constant@100+gamma:4@200", 10, 2);
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_EQ(*a, *b);
  EXPECT_NE(*a, *c);
  EXPECT_NEAR(a->size(), 3000, 300);
}

constexpr int kRungs = 7;
constexpr int kWorkers = 8;

// Times in proportion to compute, with little to gain from batches.
SimulationOptions Options() {
  SimulationOptions options;
  options.workers = kWorkers;
  std::vector<std::vector<absl::Duration>> times(kRungs);
  const std::vector<int> batches = {1, 2, 4, 8, 16};
  for (int rung = 0; rung < kRungs; ++rung) {
    options.compute.push_back(0.25 + 0.125 * rung);
    options.fidelity.push_back(1 - std::pow(1 - options.compute.back(), 3) / 2);
    for (const int batch : batches) {
      times[rung].push_back(absl::Microseconds(300 + 4000 * batch * options.compute[rung]));
    }
  }
  options.latency = std::make_shared<const LatencyTable>(*LatencyTable::Create(batches, times));
  return options;
}

// What docs/scheduling.md promises, in small: on every standard load the elastic policy keeps what
// SlackFit keeps, at a higher fidelity, or keeps more of the deadlines.
TEST(Experiment, ElasticKeepsMoreDeadlinesOrFidelityThanSlackFit) {
  SimulationOptions options = Options();
  const double capacity = SustainedRate(*options.latency, 0, kWorkers, 16);
  for (const Scenario& scenario : StandardScenarios(capacity, kWorkers, 4)) {
    options.worker_stops_at = scenario.worker_stops_at;
    SimulatedStream stream;
    stream.arrivals = *DrawArrivals(scenario.arrivals, 4, 5);
    stream.wanted = kRungs - 1;
    stream.deadline = absl::Seconds(36 * kWorkers / capacity);
    const SimulatedOutcome ours =
        Simulate(options, {stream}, *MakePolicy("elastic", kWorkers, 16)).total;
    const SimulatedOutcome theirs =
        Simulate(options, {stream}, *MakePolicy("slackfit", kWorkers, 16)).total;
    EXPECT_GE(ours.attainment(), theirs.attainment() - 0.0005) << scenario.name;
    if (theirs.attainment() < 0.999) continue;
    EXPECT_GE(ours.attainment(), 0.999) << scenario.name;
    EXPECT_GT(ours.mean_fidelity(), theirs.mean_fidelity()) << scenario.name;
  }
}

TEST(Experiment, SlackFitLeavesItsReserveUnused) {
  const SimulationOptions options = Options();
  const double capacity = SustainedRate(*options.latency, 0, kWorkers, 16);
  const double deadline = 36 * kWorkers / capacity;
  SimulatedStream stream;
  stream.arrivals = *DrawArrivals(absl::StrCat("gamma:4@", 0.8 * capacity), 2, 1);
  stream.wanted = kRungs - 1;
  stream.deadline = absl::Seconds(deadline);
  const auto longest = [&](const char* policy) {
    const SimulationResult result = Simulate(options, {stream}, *MakePolicy(policy, kWorkers, 16));
    return *std::max_element(result.total.latencies.begin(), result.total.latencies.end());
  };
  EXPECT_GT(longest("slackfit"), deadline - 0.005);
  EXPECT_LE(longest("slackfit:5"), deadline - 0.005);
}

TEST(Experiment, EveryScenarioCanBeDrawnHoweverShort) {
  for (const double seconds : {0.5, 1.0, 30.0}) {
    for (const Scenario& scenario : StandardScenarios(50'000, kWorkers, seconds)) {
      const auto arrivals = DrawArrivals(scenario.arrivals, seconds, 1);
      EXPECT_TRUE(arrivals.ok()) << scenario.name << ": " << arrivals.status();
    }
  }
}

TEST(Experiment, AGreedyTenantCostsTheOthersNothing) {
  const SimulationOptions options = Options();
  const double capacity = SustainedRate(*options.latency, 0, kWorkers, 16);
  for (const double load : {0.1, 0.3}) {
    const auto outcome = SimulateGreedyTenant(options, capacity, load,
                                              absl::Seconds(36 * kWorkers / capacity), 5, 1);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_GE(outcome->modest.attainment(), 0.98 * outcome->alone.attainment()) << load;
    EXPECT_GE(outcome->modest.mean_compute(), 0.98 * outcome->alone.mean_compute()) << load;
    EXPECT_GT(outcome->greedy.in_time, 0u);
  }
}

TEST(Experiment, AStepOfTheLoadIsAbsorbedAndQualityComesBack) {
  const SimulationOptions options = Options();
  const double capacity = SustainedRate(*options.latency, 0, kWorkers, 16);
  const double dense = SustainedRate(*options.latency, kRungs - 1, kWorkers, 16);
  const auto step =
      SimulateLoadStep(options, capacity, dense, absl::Seconds(36 * kWorkers / capacity), 40, 2);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->result.total.shed, 0u);
  EXPECT_LE(step->in_deadline_after, 0.2);
  EXPECT_LE(step->full_budget_after, 2);
}

}  // namespace
}  // namespace snapvit
