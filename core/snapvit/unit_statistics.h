// UnitStatistics: how the units of each half of a block vary together over calibration images, and
// how strongly the embedding depends on what the half adds to the residual stream. Second-order,
// label-free: from these follow the order of elimination (core/snapvit/elimination.h) and the
// corrections (core/snapvit/low_rank.h). Formulas: docs/design.md, "Ordering".
#ifndef SNAPVIT_CORE_SNAPVIT_UNIT_STATISTICS_H_
#define SNAPVIT_CORE_SNAPVIT_UNIT_STATISTICS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/progress.h"
#include "core/image/preprocessing.h"
#include "core/model/vit_weights.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

// n = H·dh of an attention half, h of an MLP half; D = embed_dim. Units are in the model's own
// numbering.
//
// If the output of the half changes by δ at a token whose units deviate from their mean by u, the
// expected loss (1 − centred cosine of the embedding) is ½·tr(metric·W_δᵀ·covariance·W_δ) for δ =
// u·W_δ: a Kronecker-factored Gauss-Newton approximation of the Hessian (K-FAC: Martens & Grosse
// 2015), tokens taken as independent.
struct HalfStatistics {
  at::Tensor mean;        // [n] f32, over tokens weighted by sensitivity
  at::Tensor covariance;  // [n, n] f32, centred, equally weighted
  at::Tensor metric;      // [D, D] f32: what a unit error costs by direction
};

struct UnitStatistics {
  std::vector<HalfStatistics> halves;  // 2·depth: 2·i attention of block i, 2·i + 1 its MLP
  size_t images = 0;                   // that went in
  bool cut_short = false;              // time was up before all images were in
};

struct UnitStatisticsOptions {
  size_t first_image = 0;
  size_t images = 512;  // of the source, from first_image on; clamped to what it has
  uint64_t seed = 42;   // of the random directions
  // When time is up the images so far count; at least one batch is always done.
  absl::Time stop_at = absl::InfiniteFuture();
  const Clock* clock = Clock::Monotonic();
  // Bound of the memory for activations; decides how many images are differentiated at once, at
  // least one. The statistics themselves take 4·(h² + (H·dh)² + 2·D²) bytes a block on top.
  size_t activation_bytes = size_t{1} << 30;
};

// For every image the gradient of one random direction of its normalised, centred embedding is
// taken back to the output of each half: its outer products make up `metric`, its squared length is
// the weight of a token in `mean` and `covariance`. (At the last block of a model that embeds by
// its class token, that is the only token that counts.) `weights` in f32. CANCELLED if `progress`
// asks to stop; if more than a tenth of the images cannot be read, the first error;
// FAILED_PRECONDITION if all have the same embedding, or there is only one.
absl::StatusOr<UnitStatistics> ComputeUnitStatistics(const VitWeights& weights,
                                                     const Preprocessing& preprocessing,
                                                     const CalibrationSource& source,
                                                     const UnitStatisticsOptions& options,
                                                     const ProgressFn& progress);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_UNIT_STATISTICS_H_
