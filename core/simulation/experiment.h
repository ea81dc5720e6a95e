// The experiments of docs/scheduling.md: loads as SuperServe's (Khare et al., NSDI 2025), in
// proportion to what the server can do, and the comparison of policies on them.
#ifndef SNAPVIT_CORE_SIMULATION_EXPERIMENT_H_
#define SNAPVIT_CORE_SIMULATION_EXPERIMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/scheduling/latency_table.h"
#include "core/simulation/simulation.h"

namespace snapvit {

// Requests per second of `workers` at this rung, in its best batch of at most `max_batch`.
double SustainedRate(const LatencyTable& latency, int rung, int workers, int max_batch);

// A load on the whole server.
struct Scenario {
  std::string name;
  std::string arrivals;                   // what ArrivalSpec reads, every part with its rate
  std::optional<double> worker_stops_at;  // seconds
};

// Bursty (constant base 0.19 C, the rest gamma) at 0.56, 0.80 and 0.88 C with CV² 2, 4 and 8;
// accelerating 0.31 C … 0.98 C, over the whole time and (if it is longer) within a second; a worker
// that stops half way at 0.44 C (with two workers or more). `capacity` is C: SustainedRate() of
// rung 0.
std::vector<Scenario> StandardScenarios(double capacity, int workers, double seconds);

// Times until `seconds`; INVALID_ARGUMENT as ArrivalSpec.
absl::StatusOr<std::vector<double>> DrawArrivals(const std::string& arrivals, double seconds,
                                                 uint64_t seed);

// Mean of paired differences, and its 95 % confidence interval (Student's t).
struct PairedDifference {
  double mean = 0;
  double lower = 0;
  double upper = 0;
};
// REQUIRES: as many of both, at least two.
PairedDifference Compare(const std::vector<double>& ours, const std::vector<double>& theirs);

// One tenant that asks for ten times its share beside one that keeps to its own.
struct GreedyTenant {
  SimulatedOutcome modest;  // beside the greedy one
  SimulatedOutcome alone;   // the same requests on half of the workers, alone
  SimulatedOutcome greedy;
};
// Two tenants of equal weight; the modest one has a bursty load (CV² 2) of `load` × C, the greedy
// one 10 × C / 2. REQUIRES: an even number of workers.
absl::StatusOr<GreedyTenant> SimulateGreedyTenant(const SimulationOptions& options, double capacity,
                                                  double load, absl::Duration deadline,
                                                  double seconds, uint64_t seed);

// A load that steps up from half of what the server can do dense, for half of the time, and back.
struct LoadStep {
  SimulationResult result;
  double up_at = 0, down_at = 0;  // seconds
  double times_dense = 0;         // load ÷ dense capacity in between
  double in_deadline_after = 0;   // seconds after the step from which every reply is in time
  double full_budget_after = 0;   // seconds after the step back from which all is served dense
};
// Poisson arrivals; the step is to min(2, 0.9 C / dense capacity) × dense capacity.
absl::StatusOr<LoadStep> SimulateLoadStep(const SimulationOptions& options, double capacity,
                                          double dense_capacity, absl::Duration deadline,
                                          double seconds, uint64_t seed);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SIMULATION_EXPERIMENT_H_
