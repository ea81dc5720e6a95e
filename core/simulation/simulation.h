// The scheduler and its policy on simulated workers and simulated time: millions of requests in
// seconds.
#ifndef SNAPVIT_CORE_SIMULATION_SIMULATION_H_
#define SNAPVIT_CORE_SIMULATION_SIMULATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "core/scheduling/policy.h"
#include "core/scheduling/queue_bounds.h"
#include "core/scheduling/tenant_share.h"

namespace snapvit {

// A stream of single images that want the same.
struct SimulatedStream {
  int tenant = 0;
  std::vector<double> arrivals;  // seconds from the start, rising
  int floor = 0;
  int wanted = 0;
  absl::Duration deadline = absl::InfiniteDuration();        // hard, from arrival
  absl::Duration latency_target = absl::InfiniteDuration();  // soft
};

struct SimulationOptions {
  int workers = 1;
  std::shared_ptr<const LatencyTable> latency;
  std::vector<double> fidelity;  // by rung; empty: not reported
  std::vector<double> compute;   // by rung; empty: not reported
  QueueBounds bounds{1u << 20, size_t{1} << 40, absl::InfiniteDuration()};
  std::vector<TenantShare> tenants;
  // A batch takes profile × slowdown × (1 + jitter × normal), at least a fifth of it.
  double slowdown = 1;
  double jitter = 0;
  uint64_t seed = 0;
  // Worker `workers - 1` starts nothing from then on; seconds.
  std::optional<double> worker_stops_at;
  double bin_seconds = 0.1;  // of the timeline
};

struct SimulatedOutcome {
  size_t sent = 0;
  size_t in_time = 0;   // served by the deadline (hard, else soft; else always)
  size_t late = 0;      // served after it
  size_t degraded = 0;  // served below the wanted rung
  size_t shed = 0;      // refused, or given up for load
  size_t expired = 0;
  double fidelity_sum = 0, compute_sum = 0;  // of what was served in time
  std::vector<float> latencies;              // seconds, of what was served

  double attainment() const { return sent == 0 ? 1 : static_cast<double>(in_time) / sent; }
  double mean_fidelity() const { return in_time == 0 ? 0 : fidelity_sum / in_time; }
  double mean_compute() const { return in_time == 0 ? 0 : compute_sum / in_time; }
};

// One bin of the timeline.
struct SimulatedBin {
  size_t sent = 0, in_time = 0, missed = 0;
  double fidelity_sum = 0, compute_sum = 0;  // of in_time
  float worst_latency = 0;
};

struct SimulationResult {
  SimulatedOutcome total;
  std::vector<SimulatedOutcome> streams;  // as they were given
  std::vector<SimulatedBin> timeline;     // by arrival
  double seconds = 0;                     // simulated
  double busy_seconds = 0;                // of all workers
  size_t batches = 0;
  size_t cap_moves = 0;  // of the governor, of all tenants
};

// Runs until all that arrived has ended. REQUIRES: latency is set, workers >= 1.
SimulationResult Simulate(const SimulationOptions& options,
                          const std::vector<SimulatedStream>& streams,
                          std::unique_ptr<Policy> policy);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SIMULATION_SIMULATION_H_
