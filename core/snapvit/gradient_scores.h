// Self-supervised gradient scores: how strongly the DINO loss between crops of unlabelled images
// depends on each MLP channel and each head. SnapViT §3 (local, diagonal part of the Hessian);
// formulas in docs/design.md, "Gradient scores".
#ifndef SNAPVIT_CORE_SNAPVIT_GRADIENT_SCORES_H_
#define SNAPVIT_CORE_SNAPVIT_GRADIENT_SCORES_H_

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

struct GradientScoresOptions {
  int global_views = 2;  // crops that are teacher and student; at least 1
  int local_views = 4;   // crops that are students only
  size_t images = 256;   // of the source, from the first one on; clamped to its size
  uint64_t seed = 42;    // of the crops
  // When time is up the images so far count; at least one batch is always done.
  absl::Time stop_at = absl::InfiniteFuture();
  const Clock* clock = Clock::Monotonic();
  // Bound of the memory for activations; decides how many images are differentiated at once, at
  // least one.
  size_t activation_bytes = size_t{1} << 30;
};

struct GradientScores {
  std::vector<float> mlp;  // [blocks, hidden]: mean over D of the squared gradient of fc1's row
  std::vector<float>
      heads;  // [blocks, heads]: mean over dh × D of the squared gradient of the head's V rows
  size_t images = 0;  // that went in
};

// `weights` in f32; computed on their device. Gradients of each image's loss are summed over all
// images before they are squared (as published). CANCELLED if `progress` asks to stop; errors of
// images that cannot be read name the file, and are returned only if more than a tenth of them
// fail.
absl::StatusOr<GradientScores> ComputeGradientScores(const VitWeights& weights,
                                                     const Preprocessing& preprocessing,
                                                     const CalibrationSource& source,
                                                     const GradientScoresOptions& options,
                                                     const ProgressFn& progress);

// The loss of one batch of views, for tests against a plain implementation: embeddings [images,
// views, D], the first `global_views` of each image are its teachers. Sum over images of the sum
// over teachers t and students s ≠ t of the cross entropy between softmax(z_t/‖z_t‖), taken as
// constant, and softmax(z_s/‖z_s‖).
at::Tensor SelfDistillationLoss(const at::Tensor& embeddings, int64_t global_views);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_GRADIENT_SCORES_H_
