#include "core/elastic/rung_interval.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

// The rung that a target means, before any limit. `below_ladder`: what was asked is smaller than
// the smallest rung.
struct TargetRung {
  double compute = 1;  // what was asked for, as compute
  int rung = 0;
  bool below_ladder = false;
};

absl::Status NoFidelity() {
  return absl::FailedPreconditionError(
      "a fidelity was asked for, but the model's ordering has no measured fidelity: compute one "
      "with "
      "`snapvit order`");
}

class TargetResolver {
 public:
  TargetResolver(const Ladder& ladder, const UnitRanking* ranking, const CostModel& cost,
                 const LatencyEstimate& latency)
      : ladder_(ladder), ranking_(ranking), cost_(cost), latency_(latency) {}

  absl::StatusOr<TargetRung> operator()(const ComputeTarget& target) const {
    const std::optional<int> rung = ladder_.AtMostCompute(target.share);
    return TargetRung{target.share, rung.value_or(0), !rung.has_value()};
  }
  absl::StatusOr<TargetRung> operator()(const GflopsTarget& target) const {
    const double share = target.gflops / ladder_.rung(ladder_.dense()).gflops;
    return (*this)(ComputeTarget{std::min(share, 1.0)});
  }
  absl::StatusOr<TargetRung> operator()(const SparsityTarget& target) const {
    const std::optional<int> rung = ladder_.AtLeastSparsity(target.share);
    const int index = rung.value_or(0);
    return TargetRung{ladder_.rung(index).compute, index, !rung.has_value()};
  }
  absl::StatusOr<TargetRung> operator()(const FidelityTarget& target) const {
    if (!ladder_.has_fidelity()) return NoFidelity();
    const int rung = ladder_.AtLeastFidelity(target.fidelity);
    return TargetRung{ladder_.rung(rung).compute, rung, false};
  }
  absl::StatusOr<TargetRung> operator()(const RatiosTarget& target) const {
    if (target.mlp == 0 && target.heads == 0) return (*this)(ComputeTarget{1.0});
    if (ranking_ == nullptr) {
      return absl::FailedPreconditionError(
          "pruning ratios were asked for, but the model has no ordering yet");
    }
    ASSIGN_OR_RETURN(const KeepCounts keep, ranking_->Keep(target.mlp, target.heads));
    return (*this)(ComputeTarget{cost_.Compute(keep)});
  }
  absl::StatusOr<TargetRung> operator()(const LatencyTarget& target) const {
    if (!latency_) {
      return absl::FailedPreconditionError(
          "a latency budget was asked for, but no latencies are profiled here");
    }
    for (int rung = ladder_.dense(); rung >= 0; --rung) {
      if (latency_(rung) <= target.duration)
        return TargetRung{ladder_.rung(rung).compute, rung, false};
    }
    return TargetRung{ladder_.rung(0).compute, 0, true};
  }

 private:
  const Ladder& ladder_;
  const UnitRanking* ranking_;
  const CostModel& cost_;
  const LatencyEstimate& latency_;
};

// The two sides of a floor: `at_least` is the smallest rung that satisfies it, `at_most` the
// largest one that is not above its number. They differ when the number lies between two rungs;
// only `at_most` may be held against a limit, because a budget of the same number means that rung.
struct FloorRungs {
  int at_least = 0;
  int at_most = 0;
};

absl::StatusOr<FloorRungs> ResolveFloor(const FloorTarget& floor, const Ladder& ladder) {
  if (const auto* fidelity = std::get_if<FidelityTarget>(&floor)) {
    if (!ladder.has_fidelity()) return NoFidelity();
    const int rung = ladder.AtLeastFidelity(fidelity->fidelity);
    return FloorRungs{rung, rung};
  }
  const double share = std::get<ComputeTarget>(floor).share;
  const int at_most = ladder.AtMostCompute(share).value_or(-1);
  const bool exact = at_most >= 0 && ladder.rung(at_most).compute >= share - 1e-9;
  return FloorRungs{std::min(exact ? at_most : at_most + 1, ladder.dense()), std::max(at_most, 0)};
}

absl::Status CheckFloorAgainst(const FloorTarget& floor, const FloorRungs& rungs,
                               const TargetRung& target, const BudgetTarget& budget,
                               const std::optional<int>& ceiling) {
  const std::string text =
      std::visit([](const auto& value) { return FormatBudgetTarget(BudgetTarget(value)); }, floor);
  const auto* compute = std::get_if<ComputeTarget>(&floor);
  const bool above_budget =
      compute != nullptr ? compute->share > target.compute + 1e-9 : rungs.at_most > target.rung;
  if (above_budget) {
    return absl::InvalidArgumentError(absl::StrCat("floor ", text, " is above the budget ",
                                                   FormatBudgetTarget(budget),
                                                   ", expected a floor not above it"));
  }
  if (ceiling.has_value() && rungs.at_most > *ceiling) {
    return absl::FailedPreconditionError(
        absl::StrCat("floor ", text, " is above what the tenant may be served"));
  }
  return absl::OkStatus();
}

// Lowers and raises `rung` by the limits; says which one acted last.
void ApplyLimits(const BudgetLimits& limits, bool below_ladder, RungInterval& interval) {
  if (limits.tenant_ceiling.has_value() && *limits.tenant_ceiling < interval.wanted) {
    interval.wanted = *limits.tenant_ceiling;
    interval.reason = BudgetReason::kTenantLimit;
  }
  if (limits.admin_limit.has_value() && *limits.admin_limit < interval.wanted) {
    interval.wanted = *limits.admin_limit;
    interval.reason = BudgetReason::kAdminLimit;
  }
  if (limits.model_floor > interval.wanted || below_ladder) {
    interval.wanted = std::max(limits.model_floor, interval.wanted);
    interval.reason = BudgetReason::kModelFloor;
  }
}

// What a pin makes of the interval that the request would have had without one.
void ApplyPin(const BudgetLimits& limits, RungInterval& interval) {
  if (!limits.pin.has_value()) return;
  int rung = *limits.pin;
  if (limits.tenant_ceiling.has_value()) rung = std::min(rung, *limits.tenant_ceiling);
  if (limits.admin_limit.has_value()) rung = std::min(rung, *limits.admin_limit);
  rung = std::max(rung, interval.floor);
  if (rung != interval.wanted) interval.reason = BudgetReason::kAdminLimit;
  interval.wanted = rung;
  interval.floor = rung;
}

}  // namespace

int LeastRung(const FloorTarget& floor, const Ladder& ladder) {
  const absl::StatusOr<FloorRungs> rungs = ResolveFloor(floor, ladder);
  return rungs.ok() ? rungs->at_least : ladder.dense();
}

absl::StatusOr<RungInterval> ResolveBudget(const Budget& budget, const Ladder& ladder,
                                           const UnitRanking* ranking, const CostModel& cost,
                                           const BudgetLimits& limits,
                                           const LatencyEstimate& latency) {
  const BudgetTarget& asked = budget.target.has_value() ? *budget.target : limits.default_target;
  RETURN_IF_ERROR(ValidateTarget(asked));
  ASSIGN_OR_RETURN(const TargetRung target,
                   std::visit(TargetResolver(ladder, ranking, cost, latency), asked));

  FloorRungs floor{limits.tenant_floor.value_or(0), limits.tenant_floor.value_or(0)};
  if (budget.floor.has_value()) {
    RETURN_IF_ERROR(ValidateFloor(*budget.floor));
    ASSIGN_OR_RETURN(floor, ResolveFloor(*budget.floor, ladder));
    RETURN_IF_ERROR(CheckFloorAgainst(*budget.floor, floor, target, asked, limits.tenant_ceiling));
  }

  RungInterval interval;
  interval.requested_compute = target.compute;
  interval.wanted = target.rung;
  ApplyLimits(limits, target.below_ladder, interval);
  interval.floor = std::min(std::max(limits.model_floor, floor.at_least), interval.wanted);
  ApplyPin(limits, interval);
  if (!budget.strict) return interval;

  if (!limits.strict_allowed) {
    return absl::FailedPreconditionError("strict budgets are not allowed for this tenant");
  }
  if (interval.reason != BudgetReason::kAsRequested) {
    return absl::FailedPreconditionError(absl::StrCat(
        "strict budget ", FormatBudgetTarget(asked), " cannot be served as asked: ",
        "the nearest that limits allow is compute ", ladder.rung(interval.wanted).compute));
  }
  interval.floor = interval.wanted;
  return interval;
}

}  // namespace snapvit
