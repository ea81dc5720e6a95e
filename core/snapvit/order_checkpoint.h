// OrderCheckpoint: what a ComputeOrdering that was stopped, or ran out of time, goes on from: the
// ranking of units with every correction that a path may stop at, and the path once it is found.
// docs/formats.md, "Partial orderings".
#ifndef SNAPVIT_CORE_SNAPVIT_ORDER_CHECKPOINT_H_
#define SNAPVIT_CORE_SNAPVIT_ORDER_CHECKPOINT_H_

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/elastic/corrections.h"
#include "core/elastic/ordering.h"
#include "core/model/vit_config.h"
#include "core/snapvit/correction_builder.h"
#include "core/snapvit/low_rank.h"

namespace snapvit {

// How much time each stage had, where that ran out before the stage was done; infinite: it was
// done; zero: it did not end yet.
struct StageTimes {
  absl::Duration ranking;
  absl::Duration path;
  absl::Duration fidelity;

  // Whether any of the stages was ended by time.
  bool cut_short() const { return std::min({ranking, path, fidelity}) < absl::InfiniteDuration(); }
};

struct OrderCheckpoint {
  std::string key;                 // identifies model, options and images
  std::string calibration_source;  // as in Ordering
  // Units of each half (core/elastic/structure.h), most important first.
  std::vector<std::vector<int>> unit_orders;
  Corrections means;                       // without low-rank corrections
  std::map<KeepStop, LowRankParts> parts;  // at the highest rank
  std::vector<PathStep> path;              // empty until it is found
  StageTimes times;
  std::string ordering_id;  // of the last ordering that was made of this; empty: none yet
};

// Atomically: a reader, also after a crash, sees the old file or the whole new one.
absl::Status WriteOrderCheckpoint(const OrderCheckpoint& checkpoint, const std::string& path);

// NOT_FOUND if there is no such file; INVALID_ARGUMENT if it is damaged (a checksum covers all of
// it), of another version, or not of such a model. Messages name the file.
absl::StatusOr<OrderCheckpoint> ReadOrderCheckpoint(const std::string& path,
                                                    const VitConfig& config);

// How far a checkpoint has come, from its first bytes alone: the rest is not checked. Errors as
// above.
struct OrderProgress {
  StageTimes times;
  std::string ordering_id;
};
absl::StatusOr<OrderProgress> ReadOrderProgress(const std::string& path);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_ORDER_CHECKPOINT_H_
