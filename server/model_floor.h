// The model's floor: the smallest rung that any reply may use.
#ifndef SNAPVIT_SERVER_MODEL_FLOOR_H_
#define SNAPVIT_SERVER_MODEL_FLOOR_H_

#include <optional>

#include "absl/status/statusor.h"
#include "core/elastic/budget.h"
#include "core/elastic/ladder.h"

namespace snapvit {

// Estimated fidelity that the model's floor has if none is set: below it, views of the model in
// docs/quality.md lose more than a tenth of their right answers.
inline constexpr double kDefaultFloorFidelity = 0.9;

// The rung of `floor`; nothing: the rung of kDefaultFloorFidelity, or the smallest if no fidelity
// is measured. FAILED_PRECONDITION if the floor is a fidelity and the ladder has none measured.
absl::StatusOr<int> ModelFloorRung(const Ladder& ladder, const std::optional<FloorTarget>& floor);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_MODEL_FLOOR_H_
