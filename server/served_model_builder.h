// From an ElasticModel and its measured profile to the snapshot that the services work with.
#ifndef SNAPVIT_SERVER_SERVED_MODEL_BUILDER_H_
#define SNAPVIT_SERVER_SERVED_MODEL_BUILDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "core/elastic/budget.h"
#include "core/elastic/elastic_model.h"
#include "core/engine/profile.h"
#include "core/scheduling/latency_table.h"
#include "server/served_model.h"

namespace snapvit {

// Fidelity that the model's floor has if none is set: below it, views of the models in
// docs/quality.md lose more than a quarter of their right answers.
inline constexpr double kDefaultFloorFidelity = 0.6;

// A table over all rungs of `ladder` from cells of some of them: between measured rungs, times are
// linear in compute; a larger rung is never faster than a smaller one, whatever the noise.
// REQUIRES: `cells` by rung, then batch, the same batches for every rung, smallest and dense rung
// among them.
absl::StatusOr<LatencyTable> InterpolateLatency(const Ladder& ladder,
                                                std::span<const ProfileCell> cells);

// `cells` empty: not profiled. `floor`: the model's floor; nothing: the rung
// of kDefaultFloorFidelity, or the smallest if no fidelity is measured.
// FAILED_PRECONDITION if the floor is a fidelity and the model has none measured.
absl::StatusOr<std::shared_ptr<const ServedModel>> BuildServedModel(
    std::shared_ptr<const ElasticModel> model, uint64_t generation,
    const std::optional<FloorTarget>& floor, std::span<const ProfileCell> cells);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SERVED_MODEL_BUILDER_H_
