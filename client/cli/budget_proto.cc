#include "client/cli/budget_proto.h"

#include "client/result_from_proto.h"

namespace snapvit::cli {
namespace {

// Sets the target of a proto, one overload a kind.
struct SetTarget {
  v1::Budget& proto;

  void operator()(const ComputeTarget& target) { proto.set_compute(target.share); }
  void operator()(const SparsityTarget& target) { proto.set_sparsity(target.share); }
  void operator()(const GflopsTarget& target) { proto.set_gflops(target.gflops); }
  void operator()(const LatencyTarget& target) {
    *proto.mutable_latency() = client::ToProto(target.duration);
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

v1::Budget ToProto(const Budget& budget) {
  v1::Budget proto;
  if (budget.target.has_value()) std::visit(SetTarget{proto}, *budget.target);
  if (budget.floor.has_value()) std::visit(SetFloor{proto}, *budget.floor);
  proto.set_strict(budget.strict);
  return proto;
}

}  // namespace snapvit::cli
