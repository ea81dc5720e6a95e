#include "client/cli/local_rung.h"

#include "client/cli/delayed_progress.h"
#include "core/base/status_macros.h"
#include "core/engine/engine.h"
#include "core/engine/profile.h"

namespace snapvit::cli {
namespace {

const char* ReasonName(BudgetReason reason) {
  return reason == BudgetReason::kAsRequested ? "AS_REQUESTED" : "MODEL_FLOOR";
}

}  // namespace

bool IsDense(const Budget& budget) {
  if (budget.floor.has_value()) return false;
  if (!budget.target.has_value()) return true;
  const BudgetTarget& target = *budget.target;
  if (const auto* compute = std::get_if<ComputeTarget>(&target)) return compute->share == 1;
  if (const auto* sparsity = std::get_if<SparsityTarget>(&target)) return sparsity->share == 0;
  const auto* ratios = std::get_if<RatiosTarget>(&target);
  return ratios != nullptr && ratios->mlp == 0 && ratios->heads == 0;
}

absl::Status RungChooser::ProfileSingleImages() {
  ProfileOptions options;
  options.batches = {1};
  ASSIGN_OR_RETURN(const std::vector<ProfileCell> cells, compute_.Run([&] {
    return ProfileEngine(compute_.engine(), model_, options, DelayedProgress("latencies"));
  }));
  std::vector<absl::Duration> times;
  for (const ProfileCell& cell : cells) times.push_back(cell.p50);
  latency_ = [times = std::move(times)](int rung) { return times[rung]; };
  return absl::OkStatus();
}

absl::StatusOr<client::Receipt> RungChooser::Choose(const Budget& budget) {
  const bool by_latency =
      budget.target.has_value() && std::holds_alternative<LatencyTarget>(*budget.target);
  if (by_latency && !latency_) RETURN_IF_ERROR(ProfileSingleImages());
  const Ladder& ladder = model_->ladder();
  ASSIGN_OR_RETURN(
      const RungInterval interval,
      ResolveBudget(budget, ladder, model_->ranking(), model_->cost(), BudgetLimits(), latency_));
  const Rung& rung = ladder.rung(interval.wanted);
  client::Receipt receipt;
  receipt.model = model_->name();
  receipt.ordering_id = model_->ordering_id();
  // Of the default pooling; whoever gives out another embedding says so.
  receipt.embedding_space_id = model_->EmbeddingSpace(EmbeddingKindName(EmbeddingKind::kDefault),
                                                      model_->config().embed_dim);
  receipt.rung = static_cast<uint32_t>(rung.index);
  receipt.requested_compute = interval.requested_compute;
  receipt.served_compute = rung.compute;
  receipt.floor_compute = ladder.rung(interval.floor).compute;
  receipt.gflops = rung.gflops;
  receipt.mlp_ratio = rung.mlp_ratio;
  receipt.head_ratio = rung.head_ratio;
  receipt.estimated_fidelity = rung.fidelity;
  if (rung.index == ladder.dense()) receipt.estimated_fidelity = 1;  // by definition
  receipt.reason = ReasonName(interval.reason);
  return receipt;
}

}  // namespace snapvit::cli
