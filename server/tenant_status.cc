#include "server/tenant_status.h"

#include <algorithm>
#include <optional>

namespace snapvit {
namespace {

// Compute of the largest rung that operators leave.
double OperatorsCap(const ServedModel* model, const GovernorSettings& governor) {
  const double asked = std::min(governor.pin_compute.value_or(1), governor.max_compute.value_or(1));
  if (model == nullptr) return asked;
  const int rung = model->ladder.AtMostCompute(asked).value_or(0);
  return model->ladder.rung(std::max(rung, model->floor_rung)).compute;
}

double GovernorsCap(const ServedModel* model, const TenantGovernance& governance) {
  if (model == nullptr) return 1;
  const int rung = std::clamp(governance.cap_rung, model->floor_rung, model->ladder.dense());
  return model->ladder.rung(rung).compute;
}

}  // namespace

std::vector<TenantState> TenantStates(const TenantTable& table,
                                      const TenantGovernances& governances,
                                      const ServedModel* model, const GovernorSettings& governor) {
  double weights = 0;
  for (const TenantPtr& tenant : table.tenants()) weights += tenant->policy.weight;
  const double operators_cap = OperatorsCap(model, governor);
  std::vector<TenantState> states;
  for (const TenantPtr& tenant : table.tenants()) {
    TenantState& state = states.emplace_back();
    state.name = tenant->policy.name;
    state.share = tenant->policy.weight / weights;
    state.cap_compute = operators_cap;
    const auto index = static_cast<size_t>(tenant->index);
    if (index >= governances.size()) continue;
    const TenantGovernance& governance = governances[index];
    state.cap_compute = std::min(operators_cap, GovernorsCap(model, governance));
    state.share = governance.share;
    state.demand = governance.demand;
    state.queued_items = governance.queued_items;
  }
  std::sort(states.begin(), states.end(),
            [](const TenantState& a, const TenantState& b) { return a.name < b.name; });
  return states;
}

}  // namespace snapvit
