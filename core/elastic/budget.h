// Budget: what a request, a tenant or a flag asks for, and its text form ("0.5", "50%",
// "4.2gflops", "15ms", "fidelity:0.95", "sparsity:0.3", "mlp:.25/heads:.1").
#ifndef SNAPVIT_CORE_ELASTIC_BUDGET_H_
#define SNAPVIT_CORE_ELASTIC_BUDGET_H_

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace snapvit {

// Kinds of target. Each is a type of its own so that a value cannot lose its unit.
struct ComputeTarget {
  double share = 1;
};  // FLOPs share of the dense model, (0, 1]
struct SparsityTarget {
  double share = 0;
};  // share of block weights removed, [0, 1)
struct GflopsTarget {
  double gflops = 0;
};  // per image, > 0; 1 MAC = 2 FLOPs
struct LatencyTarget {
  absl::Duration duration;
};  // queue + decode + compute, > 0
struct FidelityTarget {
  double fidelity = 1;
};  // least estimated fidelity, (0, 1]
struct RatiosTarget {
  double mlp = 0;
  double heads = 0;
};  // shares of all channels / heads removed, [0, 1)

using BudgetTarget = std::variant<ComputeTarget, SparsityTarget, GflopsTarget, LatencyTarget,
                                  FidelityTarget, RatiosTarget>;
using FloorTarget = std::variant<ComputeTarget, FidelityTarget>;

struct Budget {
  std::optional<BudgetTarget> target;  // nothing: the tenant's default
  std::optional<FloorTarget>
      floor;            // how far load may lower this request; nothing: the tenant's floor
  bool strict = false;  // serve the rung of the target or fail
};

// INVALID_ARGUMENT, with the value and what was expected, unless the target's number is in its
// range.
absl::Status ValidateTarget(const BudgetTarget& target);
absl::Status ValidateFloor(const FloorTarget& floor);

// Parses one target; the result is valid. INVALID_ARGUMENT names the text and the accepted forms.
absl::StatusOr<BudgetTarget> ParseBudgetTarget(std::string_view text);
// Parses a comma-separated list of at least one target.
absl::StatusOr<std::vector<BudgetTarget>> ParseBudgetTargets(std::string_view text);
// Parses a floor: compute ("0.4", "40%") or "fidelity:0.8".
absl::StatusOr<FloorTarget> ParseFloor(std::string_view text);

// The text form, such that ParseBudgetTarget gives the same target again.
std::string FormatBudgetTarget(const BudgetTarget& target);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_BUDGET_H_
