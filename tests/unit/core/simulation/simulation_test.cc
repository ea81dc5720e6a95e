#include "core/simulation/simulation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "core/scheduling/baseline_policies.h"

namespace snapvit {
namespace {

using absl::Milliseconds;

// Two rungs of 1 and 4 ms an image, in any batch.
SimulationOptions Options(int workers) {
  SimulationOptions options;
  options.workers = workers;
  options.latency = std::make_shared<const LatencyTable>(*LatencyTable::Create(
      {1, 8}, {{Milliseconds(1), Milliseconds(8)}, {Milliseconds(4), Milliseconds(32)}}));
  options.fidelity = {0.8, 1};
  options.compute = {0.25, 1};
  return options;
}

std::vector<double> Every(double interval, double seconds) {
  std::vector<double> times;
  const auto count = static_cast<size_t>(std::lround(seconds / interval));
  for (size_t i = 0; i < count; ++i) times.push_back(static_cast<double>(i) * interval);
  return times;
}

TEST(Simulation, TakesTheTimeOfTheProfile) {
  SimulatedStream stream{.arrivals = Every(0.01, 1), .wanted = 1, .deadline = Milliseconds(100)};
  const SimulationResult result = Simulate(Options(1), {stream}, *MakePolicy("fixed:1", 1, 8));
  EXPECT_EQ(result.total.sent, 100u);
  EXPECT_EQ(result.total.in_time, 100u);
  EXPECT_EQ(result.total.mean_fidelity(), 1);
  EXPECT_NEAR(result.busy_seconds, 0.4, 1e-6);
  for (const float latency : result.total.latencies) EXPECT_NEAR(latency, 0.004, 1e-6);
}

TEST(Simulation, CountsWhatMissesItsDeadline) {
  // Twice of what the fixed rung can do.
  SimulatedStream stream{.arrivals = Every(0.002, 2), .wanted = 1, .deadline = Milliseconds(40)};
  const SimulationResult fixed = Simulate(Options(1), {stream}, *MakePolicy("fixed:1", 1, 8));
  EXPECT_NEAR(fixed.total.attainment(), 0.5, 0.1);
  EXPECT_EQ(fixed.total.sent,
            fixed.total.in_time + fixed.total.late + fixed.total.shed + fixed.total.expired);
  const SimulationResult elastic = Simulate(Options(1), {stream}, *MakePolicy("elastic", 1, 8));
  EXPECT_GE(elastic.total.attainment(), 0.999);
  EXPECT_GT(elastic.total.mean_fidelity(), 0.8);
}

TEST(Simulation, GoesOnWithoutAWorkerThatStops) {
  SimulationOptions options = Options(2);
  options.worker_stops_at = 0.5;
  SimulatedStream stream{.arrivals = Every(0.002, 1), .wanted = 0, .deadline = Milliseconds(50)};
  const SimulationResult result = Simulate(options, {stream}, *MakePolicy("lowest", 2, 8));
  EXPECT_EQ(result.total.in_time, result.total.sent);
}

TEST(Simulation, TellsStreamsApart) {
  SimulatedStream one{.tenant = 1, .arrivals = Every(0.1, 1), .wanted = 1};
  SimulatedStream two{.tenant = 2, .arrivals = Every(0.05, 1), .floor = 1, .wanted = 1};
  const SimulationResult result = Simulate(Options(1), {one, two}, *MakePolicy("elastic", 1, 8));
  EXPECT_EQ(result.streams[0].sent, 10u);
  EXPECT_EQ(result.streams[1].sent, 20u);
  EXPECT_EQ(result.streams[1].mean_compute(), 1);
}

TEST(Simulation, IsTheSameForTheSameSeed) {
  SimulationOptions options = Options(3);
  options.jitter = 0.2;
  options.seed = 7;
  SimulatedStream stream{.arrivals = Every(0.001, 1), .wanted = 1, .deadline = Milliseconds(30)};
  const SimulationResult a = Simulate(options, {stream}, *MakePolicy("elastic", 3, 8));
  const SimulationResult b = Simulate(options, {stream}, *MakePolicy("elastic", 3, 8));
  EXPECT_EQ(a.total.latencies, b.total.latencies);
}

}  // namespace
}  // namespace snapvit
