// Ladder: the finite set of views that are served, and the answer to "which one does this budget
// mean".
#ifndef SNAPVIT_CORE_ELASTIC_LADDER_H_
#define SNAPVIT_CORE_ELASTIC_LADDER_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/elastic/keep_counts.h"
#include "core/elastic/ordering.h"
#include "core/model/vit_config.h"

namespace snapvit {

struct Rung {
  int index = 0;  // 0 is the smallest, the highest is dense
  KeepCounts keep;
  // FLOPs share of the dense model after channel rounding, corrections included, (0, 1].
  double compute = 1;
  double gflops = 0;                     // per image, 1 MAC = 2 FLOPs
  double mlp_ratio = 0;                  // share of all MLP channels removed
  double head_ratio = 0;                 // share of all heads removed
  double sparsity = 0;                   // share of block weights removed
  double correction_share = 0;           // of the rung's FLOPs, that low-rank corrections take
  std::optional<double> fidelity;        // estimated; absent if the ordering has no curve
  std::optional<double> fidelity_error;  // standard error of `fidelity`
  std::optional<double> agreement;       // top-1 agreement with dense; absent without a classifier
  std::optional<double> overlap;         // neighbour overlap@10 with dense; absent if not measured
};

struct LadderOptions {
  int rungs = 31;  // targets, evenly spaced from compute 1 to kSmallestPathCompute; at least 1
  // MLP keep counts are rounded up to it; 1 = no rounding. A low-rank correction fits one keep
  // count only: a count that rounding changes goes without.
  int channel_multiple = 16;
  CorrectionMode corrections = CorrectionMode::kFull;  // at most; of those that the ordering has
};

// Immutable after creation; safe to share between threads.
class Ladder {
 public:
  // Rungs of the ordering's path: for each target the largest view of the path whose compute after
  // rounding is not above it; equal ones merged. Without an ordering the ladder is the dense rung
  // alone. INVALID_ARGUMENT if options make no sense.
  static absl::StatusOr<Ladder> Create(const VitConfig& config, const Ordering* ordering,
                                       const LadderOptions& options);
  // The given rungs, for engines without a model: keep counts stay as they are, indices are set.
  // INVALID_ARGUMENT names the rung unless computes rise and end with 1, sparsities do not rise,
  // and fidelities are in (0, 1], do not fall, and are there for all rungs or for none.
  static absl::StatusOr<Ladder> FromRungs(std::vector<Rung> rungs);

  const std::vector<Rung>& rungs() const { return rungs_; }
  const Rung& rung(int index) const { return rungs_[index]; }
  int dense() const { return static_cast<int>(rungs_.size()) - 1; }
  int size() const { return static_cast<int>(rungs_.size()); }
  // What views add for pruned units: of the options, as far as the ordering has it.
  CorrectionMode corrections() const { return corrections_; }
  bool has_fidelity() const { return rungs_.front().fidelity.has_value(); }

  // Largest rung with compute not above `compute`; nothing if even the smallest is above.
  std::optional<int> AtMostCompute(double compute) const;
  // Largest rung that removes at least `sparsity` of the block weights; nothing if none does.
  std::optional<int> AtLeastSparsity(double sparsity) const;
  // Smallest rung with at least this estimated fidelity; dense (whose fidelity is 1 by definition)
  // if no other has it.
  int AtLeastFidelity(double fidelity) const;

 private:
  Ladder(std::vector<Rung> rungs, CorrectionMode corrections)
      : rungs_(std::move(rungs)), corrections_(corrections) {}

  std::vector<Rung> rungs_;
  CorrectionMode corrections_;
};

// Sets fidelity, error, agreement and overlap of each rung by linear interpolation of the curve
// over compute. Below the curve's smallest compute the values stay those of its first point; dense
// has fidelity 1.
void ApplyFidelityCurve(const FidelityCurve& curve, std::vector<Rung>& rungs);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_LADDER_H_
