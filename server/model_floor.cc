#include "server/model_floor.h"

#include <variant>

namespace snapvit {

absl::StatusOr<int> ModelFloorRung(const Ladder& ladder, const std::optional<FloorTarget>& floor) {
  if (!floor.has_value()) {
    return ladder.has_fidelity() ? ladder.AtLeastFidelity(kDefaultFloorFidelity) : 0;
  }
  if (const auto* compute = std::get_if<ComputeTarget>(&*floor)) {
    return ladder.AtMostCompute(compute->share).value_or(0);
  }
  if (ladder.size() > 1 && !ladder.has_fidelity()) {
    return absl::FailedPreconditionError(
        "--floor is a fidelity, but the ordering has none measured; expected compute, such as 0.4");
  }
  return ladder.AtLeastFidelity(std::get<FidelityTarget>(*floor).fidelity);
}

}  // namespace snapvit
