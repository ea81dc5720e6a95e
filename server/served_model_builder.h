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
#include "server/served_model.h"

namespace snapvit {

// `cells`: as InterpolateLatency asks; empty: not profiled. `floor` and errors: as ModelFloorRung.
absl::StatusOr<std::shared_ptr<const ServedModel>> BuildServedModel(
    std::shared_ptr<const ElasticModel> model, uint64_t generation,
    const std::optional<FloorTarget>& floor, std::span<const ProfileCell> cells);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SERVED_MODEL_BUILDER_H_
