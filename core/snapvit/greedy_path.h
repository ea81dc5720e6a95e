// GreedyPath: a budget path found by removing, again and again, what costs the least fidelity per
// FLOP saved. docs/design.md, "Budget path".
#ifndef SNAPVIT_CORE_SNAPVIT_GREEDY_PATH_H_
#define SNAPVIT_CORE_SNAPVIT_GREEDY_PATH_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/progress.h"
#include "core/elastic/execution_dtype.h"
#include "core/elastic/ordering.h"
#include "core/model/model_folder.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

struct GreedyPathOptions {
  size_t first_image = 0;  // of the source: those before it were used by the gradients
  size_t images = 64;      // fewer if time or memory ask for it
  CorrectionMode corrections = CorrectionMode::kFull;  // of the views that are compared
  // When time is up, what is left of the path follows the losses that were measured last.
  absl::Time stop_at = absl::InfiniteFuture();
  const Clock* clock = Clock::Monotonic();
  size_t activation_bytes = size_t{1} << 30;        // bound of the cached inputs of all half blocks
  ExecutionDtype dtype = ExecutionDtype::kFloat32;  // of the products; not kInt8
};

// Keep counts that a path stops at, falling, without all units: heads go one by one, channels in
// sixteenths of a block, rounded to what the ladder rounds to, down to the minimum keep.
std::vector<int> HeadLevels(const VitConfig& config, const Ordering& ordering);
std::vector<int> ChannelLevels(const VitConfig& config, const Ordering& ordering);

// Steps from dense through these levels, until compute is so far below kSmallestPathCompute that
// low-rank corrections cannot bring it above, or every block is at its last level. Which units of a
// block go is the ordering's business; this decides which block loses some next. Views are run with
// the ordering's corrections, as far as the options say. Loss is 1 − mean centred cosine to the
// dense embedding, both computed with products in `dtype`. A loss once measured stays in use until
// its structure is the best one, then it is measured again (as in lazy greedy maximisation).
// `cut_short`, if given, becomes whether more time would have given another path: more images, or
// losses measured again. CANCELLED if `progress` asks to stop. REQUIRES: the calling thread may use
// ATen.
absl::StatusOr<std::vector<PathStep>> GreedyPath(
    const ModelFolder& folder, const Ordering& ordering, const CalibrationSource& source,
    const GreedyPathOptions& options, const ProgressFn& progress, bool* cut_short = nullptr);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_GREEDY_PATH_H_
