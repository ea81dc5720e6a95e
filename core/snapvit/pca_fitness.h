// PcaFitness: how much a set of multipliers of the raw scores hurts the model's embeddings, the
// objective of the published search. SnapViT §3; code of the authors, "dino" fitness.
//
//   fitness = mean over ratio pairs of (1 − mean over images of cos(P(z_dense), P(z_pruned)))
//
// with P the projection on the leading principal components of the dense embeddings, centred. As
// published, P is the identity (and nothing is centred) if there are not more dimensions than
// components, or fewer images than components.
#ifndef SNAPVIT_CORE_SNAPVIT_PCA_FITNESS_H_
#define SNAPVIT_CORE_SNAPVIT_PCA_FITNESS_H_

#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/progress.h"
#include "core/elastic/execution_dtype.h"
#include "core/elastic/ordering.h"
#include "core/model/model_folder.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

// Shares of all MLP channels and of all heads that are removed.
struct PruningRatios {
  double mlp = 0;
  double heads = 0;
};

struct PcaFitnessOptions {
  size_t first_image = 0;  // of the source: those before it were used by the gradients
  size_t images = 1000;    // clamped to what the source has from there on; at least 2
  int components = 192;
  std::vector<PruningRatios> ratios = {{.15, 0}, {.35, .2}, {.55, .4}, {.65, .5}};
  size_t batch = 32;                                // images of one forward
  ExecutionDtype dtype = ExecutionDtype::kFloat32;  // of the products; not kInt8
};

struct FitnessValue {
  double value = 0;    // of a part: a lower bound of the whole
  bool whole = false;  // all pairs and images went in
};

// Holds the permuted weights (once), the patch embeddings of all images and the dense
// projections; an evaluation copies no weights but those of the attention, reordered by head.
// Channels of a block are never reordered: multipliers are per block. Thread-compatible. REQUIRES
// that the calling thread may use ATen.
class PcaFitness {
 public:
  // `raw`: the gradient scores, and the minimum keeps that every pair respects. Runs the dense
  // model once. FAILED_PRECONDITION with fewer than two readable images; CANCELLED if `progress`
  // asks to stop; RESOURCE_EXHAUSTED if memory is.
  static absl::StatusOr<std::unique_ptr<PcaFitness>> Create(const ModelFolder& folder,
                                                            const Ordering& raw,
                                                            const CalibrationSource& source,
                                                            const PcaFitnessOptions& options,
                                                            const ProgressFn& progress);
  ~PcaFitness();

  size_t images() const;   // that could be read
  int components() const;  // 0: no projection

  // The fitness of `raw` × |multipliers|: one a block for its MLP, then one a head, [blocks] and
  // [blocks, heads], under the keep rule of core/elastic/keep_rule.h. All terms are at least 0, so
  // that a partial sum is a lower bound: as soon as it reaches `bound`, it is returned as it is.
  // CANCELLED if `progress` (with the fraction of this evaluation) asks to stop.
  absl::StatusOr<FitnessValue> Evaluate(std::span<const double> multipliers, double bound,
                                        const ProgressFn& progress) const;

 private:
  struct State;
  explicit PcaFitness(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// `raw` with its scores multiplied, [blocks] and [blocks, heads] as above, in f32.
Ordering ScaledOrdering(const Ordering& raw, std::span<const double> multipliers);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_PCA_FITNESS_H_
