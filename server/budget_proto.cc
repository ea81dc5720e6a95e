#include "server/budget_proto.h"

#include "core/base/status_macros.h"
#include "server/duration_proto.h"

namespace snapvit {
namespace {

absl::StatusOr<std::optional<BudgetTarget>> ReadTarget(const v1::Budget& proto) {
  std::optional<BudgetTarget> target;
  switch (proto.target_case()) {
    case v1::Budget::kCompute:
      target = ComputeTarget{proto.compute()};
      break;
    case v1::Budget::kSparsity:
      target = SparsityTarget{proto.sparsity()};
      break;
    case v1::Budget::kGflops:
      target = GflopsTarget{proto.gflops()};
      break;
    case v1::Budget::kLatency: {
      ASSIGN_OR_RETURN(const absl::Duration latency,
                       PositiveDuration(proto.latency(), "budget latency"));
      target = LatencyTarget{latency};
      break;
    }
    case v1::Budget::kFidelity:
      target = FidelityTarget{proto.fidelity()};
      break;
    case v1::Budget::kRatios:
      target = RatiosTarget{proto.ratios().mlp(), proto.ratios().heads()};
      break;
    case v1::Budget::TARGET_NOT_SET:
      break;
  }
  if (target.has_value()) RETURN_IF_ERROR(ValidateTarget(*target));
  return target;
}

absl::StatusOr<std::optional<FloorTarget>> ReadFloor(const v1::Budget& proto) {
  std::optional<FloorTarget> floor;
  switch (proto.floor_case()) {
    case v1::Budget::kFloorCompute:
      floor = ComputeTarget{proto.floor_compute()};
      break;
    case v1::Budget::kFloorFidelity:
      floor = FidelityTarget{proto.floor_fidelity()};
      break;
    case v1::Budget::FLOOR_NOT_SET:
      break;
  }
  if (floor.has_value()) RETURN_IF_ERROR(ValidateFloor(*floor));
  return floor;
}

// Sets the target of a proto, one overload a kind.
struct SetTarget {
  v1::Budget& proto;

  void operator()(const ComputeTarget& target) { proto.set_compute(target.share); }
  void operator()(const SparsityTarget& target) { proto.set_sparsity(target.share); }
  void operator()(const GflopsTarget& target) { proto.set_gflops(target.gflops); }
  void operator()(const LatencyTarget& target) {
    SetDuration(target.duration, proto.mutable_latency());
  }
  void operator()(const FidelityTarget& target) { proto.set_fidelity(target.fidelity); }
  void operator()(const RatiosTarget& target) {
    proto.mutable_ratios()->set_mlp(target.mlp);
    proto.mutable_ratios()->set_heads(target.heads);
  }
};

struct SetFloor {
  v1::Budget& proto;

  void operator()(const ComputeTarget& floor) { proto.set_floor_compute(floor.share); }
  void operator()(const FidelityTarget& floor) { proto.set_floor_fidelity(floor.fidelity); }
};

}  // namespace

absl::StatusOr<Budget> ReadBudget(const v1::Budget& proto) {
  Budget budget;
  ASSIGN_OR_RETURN(budget.target, ReadTarget(proto));
  ASSIGN_OR_RETURN(budget.floor, ReadFloor(proto));
  budget.strict = proto.strict();
  return budget;
}

v1::Budget WriteBudget(const Budget& budget) {
  v1::Budget proto;
  if (budget.target.has_value()) std::visit(SetTarget{proto}, *budget.target);
  if (budget.floor.has_value()) std::visit(SetFloor{proto}, *budget.floor);
  proto.set_strict(budget.strict);
  return proto;
}

}  // namespace snapvit
