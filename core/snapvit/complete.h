// CompleteOrdering: corrections and a fidelity curve for an ordering that came without, such as an
// imported score file. What was decided elsewhere, scores and path, stays.
#ifndef SNAPVIT_CORE_SNAPVIT_COMPLETE_H_
#define SNAPVIT_CORE_SNAPVIT_COMPLETE_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/base/progress.h"
#include "core/elastic/ordering.h"
#include "core/model/model_folder.h"
#include "core/snapvit/calibration.h"
#include "core/snapvit/order.h"

namespace snapvit {

// Whether `ordering` has all that views of this mode are served with: corrections, if the mode asks
// for any, and a fidelity curve.
bool IsComplete(const Ordering& ordering, CorrectionMode mode);

// `ordering` with what it lacks of options.ladder.corrections; a fidelity curve that was measured
// without the new corrections is measured again. Low-rank corrections are for the keep counts that
// the rungs of options.ladder stop at. The fingerprint becomes `fingerprint`; the calibration
// source says what was added from where. Images, time limit, determinism, CANCELLED and memory as
// with ComputeOrdering, but that the statistics are kept longer. REQUIRES: the ordering fits the
// model; the calling thread may use ATen.
absl::StatusOr<Ordering> CompleteOrdering(const ModelFolder& folder, const std::string& fingerprint,
                                          Ordering ordering, const CalibrationSource& source,
                                          const OrderOptions& options, const ProgressFn& progress);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_COMPLETE_H_
