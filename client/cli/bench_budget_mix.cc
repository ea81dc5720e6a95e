#include "client/cli/bench_budget_mix.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

struct Weighted {
  BudgetTarget target;
  double weight = 1;
};

absl::StatusOr<Weighted> ParseWeighted(const std::string& text) {
  // Budgets have colons too: what is behind the last one is a weight if a budget stands before it.
  const size_t colon = text.rfind(':');
  if (colon != std::string::npos) {
    absl::StatusOr<BudgetTarget> target = ParseBudgetTarget(text.substr(0, colon));
    if (target.ok()) {
      double weight = 0;
      if (absl::SimpleAtod(text.substr(colon + 1), &weight) && weight > 0 &&
          std::isfinite(weight)) {
        return Weighted{*std::move(target), weight};
      }
      return absl::InvalidArgumentError(absl::StrCat("'", text.substr(colon + 1), "' in '", text,
                                                     "' is no weight, expected a number above 0"));
    }
  }
  ASSIGN_OR_RETURN(BudgetTarget target, ParseBudgetTarget(text));
  return Weighted{std::move(target), 1};
}

}  // namespace

absl::StatusOr<BudgetMix> BudgetMix::Parse(const std::string& text,
                                           const std::optional<FloorTarget>& floor, bool strict) {
  BudgetMix mix;
  std::vector<double> weights;
  if (text.empty()) {
    weights = {1};
  } else {
    mix.budgets_.clear();
    for (const absl::string_view part : absl::StrSplit(text, ',')) {
      ASSIGN_OR_RETURN(const Weighted weighted,
                       ParseWeighted(std::string(absl::StripAsciiWhitespace(part))));
      mix.budgets_.emplace_back().target = weighted.target;
      weights.push_back(weighted.weight);
    }
  }
  for (Budget& budget : mix.budgets_) {
    budget.floor = floor;
    budget.strict = strict;
  }
  double sum = 0;
  for (const double weight : weights) sum += weight;
  mix.shares_.clear();
  double share = 0;
  for (const double weight : weights) mix.shares_.push_back(share += weight / sum);
  mix.shares_.back() = 1;  // whatever the rounding
  return mix;
}

size_t BudgetMix::Pick(double place) const {
  return std::upper_bound(shares_.begin(), shares_.end(), place) - shares_.begin();
}

}  // namespace snapvit::cli
