#include "client/cli/budget_list.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "client/cli/local_rung.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {

absl::StatusOr<std::vector<NamedBudget>> ParseBudgetList(const std::string& text) {
  std::vector<NamedBudget> budgets;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    NamedBudget named;
    named.text = std::string(absl::StripAsciiWhitespace(part));
    ASSIGN_OR_RETURN(named.budget.target, ParseBudgetTarget(named.text));
    budgets.push_back(std::move(named));
  }
  return budgets;
}

bool AllDense(std::span<const NamedBudget> budgets) {
  return std::all_of(budgets.begin(), budgets.end(),
                     [](const NamedBudget& named) { return IsDense(named.budget); });
}

}  // namespace snapvit::cli
