// Self-supervised gradient scores: how strongly the DINO loss between crops of unlabelled images
// depends on each MLP channel and each head. SnapViT §3 (local, diagonal part of the Hessian);
// formulas in docs/design.md, "Gradient scores".
#ifndef SNAPVIT_CORE_SNAPVIT_GRADIENT_SCORES_H_
#define SNAPVIT_CORE_SNAPVIT_GRADIENT_SCORES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/progress.h"
#include "core/image/preprocessing.h"
#include "core/model/vit_weights.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

// The published code's loss. Its views of a group are copies of one crop, so an image has one
// global crop g and one local crop l. Terms between copies of g have no gradient (teacher and
// student agree there), the other global_views·local_views are equal. Hence
//   G = global_views·local_views · Σ_batches mean_{images of the batch} ∂CE(p(g), q(l))/∂W,
// at the price of one teacher forward and one student forward and backward an image.
struct CollapsedViews {
  size_t batch = 16;  // images of the source whose losses are averaged before batches are summed
  // Normalisation of the crops: ImageNet's for every model, as published.
  std::array<float, 3> mean = {0.485F, 0.456F, 0.406F};
  std::array<float, 3> std = {0.229F, 0.224F, 0.225F};
};

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
  // Nothing: independent crops, the sum over images, and the model's own normalisation. The
  // published recipe has this, with 2 global and 10 local views.
  std::optional<CollapsedViews> collapsed;
};

struct GradientScores {
  std::vector<float> mlp;  // [blocks, hidden]: mean over D of the squared gradient of fc1's row
  std::vector<float>
      heads;  // [blocks, heads]: mean over dh × D of the squared gradient of the head's V rows
  size_t images = 0;  // that went in
};

// The gradients themselves, of views that the caller made. Not thread-safe.
class GradientAccumulator {
 public:
  // `weights` in f32; they are shared, not copied, and stay as they are.
  explicit GradientAccumulator(const VitWeights& weights);

  // Adds `weight` times the gradient of the loss of some images, summed over them (below,
  // SelfDistillationLoss). `pixels`: [images·views, 3, H, W] f32, normalised, the views of an image
  // one after another, its `global_views` first. The published recipe's weight is 1 ÷ images: it
  // takes the mean of each batch. Errors of ReferenceForward.
  absl::Status AddBatch(const at::Tensor& pixels, int64_t views, int64_t global_views,
                        double weight = 1);

  // The same with collapsed views (CollapsedViews): `pixels` [images, 2, 3, H, W], of each image
  // one global crop, which is the teacher, and one local, the student; one term an image.
  absl::Status AddCollapsed(const at::Tensor& pixels, double weight);

  // The squares of what was added; `images` counts those of all batches.
  GradientScores Scores() const;

  at::Device device() const { return weights_.patch.weight.device(); }  // where pixels belong

 private:
  VitWeights weights_;  // only the scored parameters require gradients
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> sums_;  // one per parameter
  size_t images_ = 0;
};

// `weights` in f32; computed on their device. Gradients of each image's loss are summed over all
// images before they are squared (as published), with CollapsedViews averaged over each batch
// first; images that cannot be read count as absent. CANCELLED if `progress` asks to stop; errors
// of images that cannot be read name the file, and are returned only if more than a tenth of them
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
