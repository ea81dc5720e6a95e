// ComputeOrdering: the whole calibration of a model, from unlabelled images to an Ordering with
// corrections, budget path and measured fidelity. docs/design.md, "Ordering".
#ifndef SNAPVIT_CORE_SNAPVIT_ORDER_H_
#define SNAPVIT_CORE_SNAPVIT_ORDER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/progress.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/ordering.h"
#include "core/model/model_folder.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

struct OrderOptions {
  // Images for the statistics of units; more are needed for the rest (CalibrationSplit).
  size_t images = kDefaultCalibrationImages;
  uint64_t seed = 42;
  // Wall time for everything; what is done by then is kept.
  absl::Duration time_limit = absl::InfiniteDuration();
  ExecutionDtype dtype = ExecutionDtype::kFloat32;  // that fidelity is measured in
  LadderOptions ladder;
  // Written when units are ranked (55 % of the work) and when the path is found (85 %), and read at
  // the start: with the same model, options (but for time limit and dtype) and images, the work
  // goes on where the file ends, to the same ordering. Never deleted here. Empty: none.
  std::string checkpoint;
  // For people: a checkpoint that is ignored, or cannot be written. May be empty.
  std::function<void(const std::string&)> warn;
  const Clock* clock = Clock::Monotonic();
};

// `fingerprint` goes into the ordering. Deterministic for a seed, source and machine unless time
// runs out. CANCELLED if `progress` asks to stop. Memory: an f32 copy of the weights, the
// statistics and activations of UnitStatisticsOptions, and about five times 8·max(h, H·dh)² bytes.
// REQUIRES: the calling thread may use ATen.
absl::StatusOr<Ordering> ComputeOrdering(const ModelFolder& folder, const std::string& fingerprint,
                                         const CalibrationSource& source,
                                         const OrderOptions& options, const ProgressFn& progress);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_ORDER_H_
