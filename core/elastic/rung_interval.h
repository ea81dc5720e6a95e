// From a budget to the rungs that may serve it: DESIGN "Budget → rung" and "Floors", in one place.
// The result is what the scheduler works with; it never sees a budget.
#ifndef SNAPVIT_CORE_ELASTIC_RUNG_INTERVAL_H_
#define SNAPVIT_CORE_ELASTIC_RUNG_INTERVAL_H_

#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/elastic/budget.h"
#include "core/elastic/cost_model.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/ladder.h"

namespace snapvit {

// Why a request is served at another rung than its budget means (the values that are known before
// load is).
enum class BudgetReason { kAsRequested, kModelFloor, kTenantLimit, kAdminLimit };

// What limits a request besides its own budget. Rung indices of the same ladder.
struct BudgetLimits {
  int model_floor = 0;                            // no reply is below it
  BudgetTarget default_target = ComputeTarget{};  // for a budget without target
  std::optional<int> tenant_ceiling;              // the tenant gets nothing above
  std::optional<int> tenant_floor;                // how far load may lower the tenant's requests
  std::optional<int> admin_limit;                 // cap set by an operator
  std::optional<int> pin;  // set by an operator: served whatever was asked, between floor and caps
  bool strict_allowed = true;
};

struct RungInterval {
  double requested_compute = 1;  // what the budget asked for, as compute
  int wanted = 0;                // served when there is room
  int floor = 0;                 // lowest that load may take it to; floor <= wanted
  BudgetReason reason = BudgetReason::kAsRequested;  // why `wanted` is not the budget's own rung
};

// Profiled time of a rung for one image plus the present queue; only latency budgets need it.
using LatencyEstimate = std::function<absl::Duration(int rung)>;

// The smallest rung that a floor allows; dense if the floor is a fidelity and none is measured:
// then no smaller rung is known to have it.
int LeastRung(const FloorTarget& floor, const Ladder& ladder);

// INVALID_ARGUMENT: a value out of range, or a floor above the budget. FAILED_PRECONDITION:
// fidelity targets on a ladder without measured fidelity, ratios without an ordering, a floor above
// the tenant's ceiling, strict that a limit would change, a latency budget when nothing is
// profiled. `ranking` may be null (ratio budgets then fail), `latency` empty.
absl::StatusOr<RungInterval> ResolveBudget(const Budget& budget, const Ladder& ladder,
                                           const UnitRanking* ranking, const CostModel& cost,
                                           const BudgetLimits& limits,
                                           const LatencyEstimate& latency);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_RUNG_INTERVAL_H_
