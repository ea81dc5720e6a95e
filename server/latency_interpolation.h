// From the measured cells of a profile to a latency table over a whole ladder.
#ifndef SNAPVIT_SERVER_LATENCY_INTERPOLATION_H_
#define SNAPVIT_SERVER_LATENCY_INTERPOLATION_H_

#include <span>

#include "absl/status/statusor.h"
#include "core/elastic/ladder.h"
#include "core/scheduling/latency_table.h"
#include "server/served_model.h"

namespace snapvit {

// A table over all rungs of `ladder` from cells of some of them: between measured rungs, times are
// linear in compute; a larger rung is never faster than a smaller one, whatever the noise.
// REQUIRES: `cells` by rung, then batch, the same batches for every rung, smallest and dense rung
// among them.
absl::StatusOr<LatencyTable> InterpolateLatency(const Ladder& ladder,
                                                std::span<const MeasuredLatency> cells);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_LATENCY_INTERPOLATION_H_
