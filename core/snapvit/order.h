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
  // Of the products in the search for the path; not kInt8. Everything else is in f32 or f64.
  ExecutionDtype search_dtype = ExecutionDtype::kFloat32;
  LadderOptions ladder;
  // Written when units are ranked (55 % of the work), when the path is found (85 %), and at the end
  // if time ran out; read at the start: with the same model, options (but for time limit and
  // dtypes) and images, the work goes on where the file ends, to the same ordering. What time cut
  // short is done again if there is more of it now: without a limit the ordering is that of a run
  // which never had one. Never deleted here. Empty: none.
  std::string checkpoint;
  // For people: a checkpoint that is ignored, or cannot be written. May be empty.
  std::function<void(const std::string&)> warn;
  const Clock* clock = Clock::Monotonic();
};

// `fingerprint` goes into the ordering. `cut_short`, if given, becomes whether time ran out before
// something was done: a run with more would give another ordering. Deterministic for a seed, source
// and machine unless time runs out. CANCELLED if `progress` asks to stop. Memory: an f32 copy of
// the weights, the statistics and activations of UnitStatisticsOptions, or those of
// GreedyPathOptions with the weights in `search_dtype`, and about five times
// 8·max(h, H·dh)² bytes. REQUIRES: the calling thread may use ATen.
absl::StatusOr<Ordering> ComputeOrdering(const ModelFolder& folder, const std::string& fingerprint,
                                         const CalibrationSource& source,
                                         const OrderOptions& options, const ProgressFn& progress,
                                         bool* cut_short = nullptr);

// Whether `ordering` is what the last run with this checkpoint made when time ran out, and another
// run with the same options and this time limit would do more than repeat it. Under one limit it
// says so twice at most: what an earlier run has done leaves its time to the stages that follow, so
// that the next run searches the path in the time of the ranking too, the one after that measures
// in all of it, and no stage ever has more.
bool CanGoOn(const std::string& checkpoint, const Ordering& ordering, absl::Duration time_limit);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_ORDER_H_
