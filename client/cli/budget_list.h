// A list of budgets on the command line: "1,0.5,4.2gflops".
#ifndef SNAPVIT_CLIENT_CLI_BUDGET_LIST_H_
#define SNAPVIT_CLIENT_CLI_BUDGET_LIST_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/elastic/budget.h"

namespace snapvit::cli {

struct NamedBudget {
  std::string text;  // as it was given
  Budget budget;
};

// At least one. INVALID_ARGUMENT names the faulty one and the accepted forms.
absl::StatusOr<std::vector<NamedBudget>> ParseBudgetList(const std::string& text);

// True if no budget of the list needs an ordering.
bool AllDense(std::span<const NamedBudget> budgets);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BUDGET_LIST_H_
