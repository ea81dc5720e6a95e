// BudgetMix: the budgets that the requests of a load ask for, by weight: "0.5:3,1:1".
#ifndef SNAPVIT_CLIENT_CLI_BENCH_BUDGET_MIX_H_
#define SNAPVIT_CLIENT_CLI_BENCH_BUDGET_MIX_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/elastic/budget.h"

namespace snapvit::cli {

class BudgetMix {
 public:
  // Nothing is asked for: the tenant's default.
  BudgetMix() : budgets_(1), shares_{1} {}

  // Budgets separated by commas, each with ":WEIGHT" (1 if it has none), all with the same floor
  // and strictness. Empty: no budget. INVALID_ARGUMENT names the part and what was expected.
  static absl::StatusOr<BudgetMix> Parse(const std::string& text,
                                         const std::optional<FloorTarget>& floor, bool strict);

  const std::vector<Budget>& budgets() const { return budgets_; }
  // Index of the budget at this place of the mix. REQUIRES: 0 <= place < 1.
  size_t Pick(double place) const;

 private:
  std::vector<Budget> budgets_;
  std::vector<double> shares_;  // of each budget and those before it; the last is 1
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BENCH_BUDGET_MIX_H_
