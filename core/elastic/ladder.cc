#include "core/elastic/ladder.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/budget_path.h"
#include "core/elastic/cost_model.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/structure.h"

namespace snapvit {
namespace {

// Slack for comparing computes that were printed, parsed and summed in another order.
constexpr double kComputeTolerance = 1e-9;

// What views cost with their low-rank corrections.
class CorrectedCost {
 public:
  CorrectedCost(const VitConfig& config, const Ordering* ordering, CorrectionMode mode)
      : cost_(config), depth_(config.depth) {
    if (ordering == nullptr || mode != CorrectionMode::kFull) return;
    for (const LowRankCorrection& low_rank : ordering->corrections.low_rank) {
      flops_[{low_rank.structure, low_rank.keep}] =
          IsMlp(low_rank.structure, depth_)
              ? cost_.ChannelCorrectionFlops(low_rank.keep, low_rank.rank)
              : cost_.HeadCorrectionFlops(low_rank.keep, low_rank.rank);
    }
  }

  double Flops(const KeepCounts& keep) const {
    double flops = cost_.Flops(keep);
    for (int structure = 0; structure < 2 * depth_; ++structure) {
      const auto it = flops_.find({structure, UnitsOf(keep, structure)});
      if (it != flops_.end()) flops += it->second;
    }
    return flops;
  }
  double Compute(const KeepCounts& keep) const { return Flops(keep) / cost_.dense_flops(); }
  const CostModel& uncorrected() const { return cost_; }

 private:
  CostModel cost_;
  int depth_;
  std::map<std::pair<int, int>, double> flops_;
};

Rung MakeRung(const CorrectedCost& corrected, KeepCounts keep) {
  const CostModel& cost = corrected.uncorrected();
  Rung rung;
  rung.compute = corrected.Compute(keep);
  rung.gflops = corrected.Flops(keep) * 1e-9;
  rung.mlp_ratio = cost.ChannelRatio(keep);
  rung.head_ratio = cost.HeadRatio(keep);
  rung.sparsity = cost.Sparsity(keep);
  rung.correction_share = 1 - cost.Flops(keep) / corrected.Flops(keep);
  rung.keep = std::move(keep);
  return rung;
}

// Walks down the path once, keeping the rounded counts and their cost, and takes a rung each time
// the next target is met.
std::vector<Rung> WalkPath(const VitConfig& config, const std::vector<PathStep>& path,
                           const CorrectedCost& cost, const LadderOptions& options) {
  KeepCounts keep = KeepCounts::Dense(config);
  double compute = 1;
  size_t step = 0;
  std::vector<Rung> falling;
  for (int i = 0; i < options.rungs; ++i) {
    const double target =
        i == 0 ? 1.0 : 1.0 - i * (1.0 - kSmallestPathCompute) / (options.rungs - 1);
    while (compute > target + kComputeTolerance && step < path.size()) {
      const auto [structure, count] = path[step++];
      UnitsOf(keep, structure) =
          IsMlp(structure, config.depth)
              ? RoundUpChannels(count, options.channel_multiple, config.mlp_hidden)
              : count;
      compute = cost.Compute(keep);
    }
    if (compute > target + kComputeTolerance) break;  // the path has ended
    if (falling.empty() || !(falling.back().keep == keep)) falling.push_back(MakeRung(cost, keep));
  }
  std::reverse(falling.begin(), falling.end());
  for (size_t i = 0; i < falling.size(); ++i) falling[i].index = static_cast<int>(i);
  return falling;
}

// What the ladder's views add for pruned units: no more than the ordering has tables for.
CorrectionMode EffectiveMode(const Ordering* ordering, const LadderOptions& options) {
  if (ordering == nullptr || ordering->corrections.empty()) return CorrectionMode::kNone;
  const bool low_rank = !ordering->corrections.low_rank.empty();
  return std::min(options.corrections, low_rank ? CorrectionMode::kFull : CorrectionMode::kBias);
}

double Interpolate(const std::vector<float>& x, const std::vector<float>& y, double at) {
  const auto right = std::lower_bound(x.begin(), x.end(), static_cast<float>(at));
  if (right == x.begin()) return y.front();
  if (right == x.end()) return y.back();
  const size_t i = right - x.begin();
  const double share = (at - x[i - 1]) / (x[i] - x[i - 1]);
  return y[i - 1] + share * (y[i] - y[i - 1]);
}

absl::Status OfRung(size_t index, const char* what, double value, const char* expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("rung ", index, " has ", what, " ", value, ", expected ", expected));
}

// `below`: the next smaller rung; null: none.
absl::Status CheckRung(size_t index, const Rung& rung, const Rung* below) {
  if (!(rung.compute > (below == nullptr ? 0 : below->compute) && rung.compute <= 1)) {
    return OfRung(index, "compute", rung.compute, "rising shares in (0, 1]");
  }
  const double most_sparsity = below == nullptr ? 1 : below->sparsity;
  if (!(rung.sparsity >= 0 && rung.sparsity <= most_sparsity)) {
    return OfRung(index, "sparsity", rung.sparsity, "shares in [0, 1] that do not rise");
  }
  if (below != nullptr && below->fidelity.has_value() != rung.fidelity.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rung ", index, " differs from the others in having a fidelity, expected all or none"));
  }
  if (!rung.fidelity.has_value()) return absl::OkStatus();
  const double least_fidelity = below == nullptr ? 0 : *below->fidelity;
  if (!(*rung.fidelity > 0 && *rung.fidelity >= least_fidelity && *rung.fidelity <= 1)) {
    return OfRung(index, "fidelity", *rung.fidelity, "values in (0, 1] that do not fall");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Ladder> Ladder::FromRungs(std::vector<Rung> rungs) {
  if (rungs.empty()) return absl::InvalidArgumentError("a ladder has no rungs, expected one");
  for (size_t i = 0; i < rungs.size(); ++i) {
    rungs[i].index = static_cast<int>(i);
    RETURN_IF_ERROR(CheckRung(i, rungs[i], i == 0 ? nullptr : &rungs[i - 1]));
  }
  if (std::abs(rungs.back().compute - 1) > kComputeTolerance) {
    return OfRung(rungs.size() - 1, "compute", rungs.back().compute, "the last to be dense: 1");
  }
  return Ladder(std::move(rungs), CorrectionMode::kNone);
}

absl::StatusOr<Ladder> Ladder::Create(const VitConfig& config, const Ordering* ordering,
                                      const LadderOptions& options) {
  if (options.rungs < 1 || options.rungs > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("rungs is ", options.rungs, ", expected 1 to 1024"));
  }
  if (options.channel_multiple < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("channel multiple is ", options.channel_multiple, ", expected at least 1"));
  }
  std::vector<PathStep> path;
  if (ordering != nullptr) path = PathOf(*ordering, UnitRanking(*ordering), config);
  const CorrectionMode mode = EffectiveMode(ordering, options);
  std::vector<Rung> rungs = WalkPath(config, path, CorrectedCost(config, ordering, mode), options);
  if (ordering != nullptr && !ordering->fidelity.empty() &&
      ordering->fidelity.corrections == mode) {
    ApplyFidelityCurve(ordering->fidelity, rungs);
  }
  return Ladder(std::move(rungs), mode);
}

std::optional<int> Ladder::AtMostCompute(double compute) const {
  for (int i = dense(); i >= 0; --i) {
    if (rungs_[i].compute <= compute + kComputeTolerance) return i;
  }
  return std::nullopt;
}

std::optional<int> Ladder::AtLeastSparsity(double sparsity) const {
  for (int i = dense(); i >= 0; --i) {
    if (rungs_[i].sparsity >= sparsity - kComputeTolerance) return i;
  }
  return std::nullopt;
}

int Ladder::AtLeastFidelity(double fidelity) const {
  for (const Rung& rung : rungs_) {
    if (rung.fidelity.has_value() && *rung.fidelity >= fidelity) return rung.index;
  }
  return dense();
}

void ApplyFidelityCurve(const FidelityCurve& curve, std::vector<Rung>& rungs) {
  for (Rung& rung : rungs) {
    const bool is_dense = rung.index + 1 == static_cast<int>(rungs.size());
    rung.fidelity = is_dense ? 1.0 : Interpolate(curve.compute, curve.fidelity, rung.compute);
    rung.fidelity_error =
        is_dense ? 0.0 : Interpolate(curve.compute, curve.standard_error, rung.compute);
    if (!curve.agreement.empty()) {
      rung.agreement = is_dense ? 1.0 : Interpolate(curve.compute, curve.agreement, rung.compute);
    }
    if (!curve.overlap.empty()) {
      rung.overlap = is_dense ? 1.0 : Interpolate(curve.compute, curve.overlap, rung.compute);
    }
  }
}

}  // namespace snapvit
