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
// accelerating 0.31 C … 0.98 C, over the whole time and within a second; a worker that stops half
// way at 0.44 C (with two workers or more). `capacity` is C: SustainedRate() of rung 0.
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

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SIMULATION_EXPERIMENT_H_
