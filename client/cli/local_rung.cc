#include "client/cli/local_rung.h"

#include <vector>

#include "core/base/status_macros.h"
#include "core/elastic/rung_interval.h"
#include "core/engine/profile.h"

namespace snapvit::cli {
namespace {

// Median time of one image for every rung.
absl::StatusOr<std::vector<absl::Duration>> ProfileSingleImages(
    const std::shared_ptr<const ElasticModel>& model, ComputeThread& compute) {
  ProfileOptions options;
  options.batches = {1};
  ASSIGN_OR_RETURN(const std::vector<ProfileCell> cells, compute.Run([&] {
    return absl::StatusOr<std::vector<ProfileCell>>(
        ProfileEngine(compute.engine(), model, options, /*progress=*/nullptr));
  }));
  std::vector<absl::Duration> times;
  for (const ProfileCell& cell : cells) times.push_back(cell.p50);
  return times;
}

const char* ReasonName(BudgetReason reason) {
  return reason == BudgetReason::kAsRequested ? "AS_REQUESTED" : "MODEL_FLOOR";
}

}  // namespace

bool IsDense(const Budget& budget) {
  if (!budget.target.has_value()) return true;
  const auto* compute = std::get_if<ComputeTarget>(&*budget.target);
  return compute != nullptr && compute->share == 1;
}

absl::StatusOr<client::Receipt> ChooseRung(const Budget& budget,
                                           const std::shared_ptr<const ElasticModel>& model,
                                           ComputeThread& compute) {
  LatencyEstimate estimate;
  if (budget.target.has_value() && std::holds_alternative<LatencyTarget>(*budget.target)) {
    ASSIGN_OR_RETURN(const std::vector<absl::Duration> times, ProfileSingleImages(model, compute));
    estimate = [times](int rung) { return times[rung]; };
  }
  const Ladder& ladder = model->ladder();
  ASSIGN_OR_RETURN(
      const RungInterval interval,
      ResolveBudget(budget, ladder, model->ranking(), model->cost(), BudgetLimits(), estimate));
  const Rung& rung = ladder.rung(interval.wanted);
  client::Receipt receipt;
  receipt.model = model->name();
  receipt.ordering_id = model->ordering_id();
  receipt.rung = static_cast<uint32_t>(rung.index);
  receipt.requested_compute = interval.requested_compute;
  receipt.served_compute = rung.compute;
  receipt.floor_compute = ladder.rung(interval.floor).compute;
  receipt.gflops = rung.gflops;
  receipt.mlp_ratio = rung.mlp_ratio;
  receipt.head_ratio = rung.head_ratio;
  receipt.estimated_fidelity = rung.fidelity;
  receipt.reason = ReasonName(interval.reason);
  return receipt;
}

}  // namespace snapvit::cli
