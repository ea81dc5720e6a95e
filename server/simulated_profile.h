// SimulatedProfile: what --engine simulated:PROFILE.json pretends to be: a ladder, the time of each
// rung and batch, and the shape of the results (docs/formats.md).
#ifndef SNAPVIT_SERVER_SIMULATED_PROFILE_H_
#define SNAPVIT_SERVER_SIMULATED_PROFILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/elastic/ladder.h"
#include "core/scheduling/latency_table.h"
#include "server/served_model.h"

namespace snapvit {

struct SimulatedProfile {
  std::string model;  // its name
  Ladder ladder;
  LatencyTable latency;                   // of every rung
  std::vector<MeasuredLatency> measured;  // the cells that it comes from, by rung, then batch
  int embedding_size = 384;
  int classes = 0;  // 0: no classifier
  int height = 32;  // of the input, pixels
  int width = 32;
  std::optional<int> workers;  // for a server that is not told how many
  double jitter = 0;           // standard deviation of a batch's time, as a share of it
  // As in SimulatedBackend: a fault to be tried out.
  std::optional<absl::Duration> last_worker_stops_after;
};

// Takes what `snapvit profile --json` prints. INVALID_ARGUMENT names the key or cell, its value and
// what was expected.
absl::StatusOr<SimulatedProfile> ParseSimulatedProfile(const std::string& json);

// The profile in a file; errors name it, and ReadFile's.
absl::StatusOr<SimulatedProfile> ReadSimulatedProfile(const std::string& path);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SIMULATED_PROFILE_H_
