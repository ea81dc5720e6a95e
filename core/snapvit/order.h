// ComputeOrdering: the whole calibration of a model, from unlabelled images to an Ordering with
// corrections, budget path and measured fidelity. docs/design.md, "Ordering".
#ifndef SNAPVIT_CORE_SNAPVIT_ORDER_H_
#define SNAPVIT_CORE_SNAPVIT_ORDER_H_

#include <cstdint>
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
