#include "core/snapvit/order.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/fidelity.h"
#include "core/snapvit/gradient_scores.h"
#include "core/snapvit/greedy_path.h"

namespace snapvit {
namespace {

// Shares of time and progress; the rest measures fidelity.
constexpr double kGradientShare = 0.4;
constexpr double kPathShare = 0.45;

// Passes on progress of a part of the job as progress of the whole.
ProgressFn Part(const ProgressFn& progress, double begin, double end) {
  if (!progress) return nullptr;
  return [progress, begin, end](const ProgressUpdate& update) {
    return progress({update.stage, begin + update.fraction * (end - begin)});
  };
}

size_t PathImages(size_t gradient_images) { return std::max<size_t>(2, gradient_images / 4); }
size_t HeldOut(size_t gradient_images) { return std::max<size_t>(1, gradient_images / 3); }

}  // namespace

size_t CalibrationImagesFor(size_t gradient_images) {
  return gradient_images + PathImages(gradient_images) + HeldOut(gradient_images);
}

absl::StatusOr<Ordering> ComputeOrdering(const ModelFolder& folder, const std::string& fingerprint,
                                         const CalibrationSource& source,
                                         const OrderOptions& options, const ProgressFn& progress) {
  if (source.size() < 4) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.Describe(), " has ", source.size(),
        " images, expected at least 4: for gradients, for the budget path, to measure fidelity"));
  }
  const absl::Time start = options.clock->Now();
  const bool enough = source.size() >= CalibrationImagesFor(options.images);
  const size_t gradient_images =
      enough ? options.images : std::max<size_t>(1, source.size() * 12 / 19);

  absl::StatusOr<VitWeights> weights = ToFloat32(folder.weights);
  RETURN_IF_ERROR(weights.status());
  GradientScoresOptions gradient_options;
  gradient_options.images = gradient_images;
  gradient_options.seed = options.seed;
  gradient_options.clock = options.clock;
  gradient_options.stop_at = start + kGradientShare * options.time_limit;
  ASSIGN_OR_RETURN(GradientScores scores,
                   ComputeGradientScores(*weights, folder.preprocessing, source, gradient_options,
                                         Part(progress, 0, kGradientShare)));
  weights = absl::InternalError("released");  // the f32 copy

  Ordering ordering;
  ordering.blocks = folder.config.depth;
  ordering.hidden = folder.config.mlp_hidden;
  ordering.heads = folder.config.num_heads;
  ordering.mlp_scores = std::move(scores.mlp);
  ordering.head_scores = std::move(scores.heads);
  ordering.model_fingerprint = fingerprint;
  ordering.recipe = "gradient";
  ordering.seed = options.seed;
  ordering.calibration_source = absl::StrCat(source.Describe(), ", ", scores.images, " images");

  if (options.greedy_path) {
    GreedyPathOptions path;
    path.first_image = gradient_images;
    path.images = PathImages(gradient_images);
    path.clock = options.clock;
    path.stop_at = start + (kGradientShare + kPathShare) * options.time_limit;
    ASSIGN_OR_RETURN(ordering.path,
                     GreedyPath(folder, ordering, source, path,
                                Part(progress, kGradientShare, kGradientShare + kPathShare)));
    ordering.recipe = "gradient, greedy path";
  }

  ElasticModel::Options model_options;
  model_options.ladder = options.ladder;
  model_options.dtype = options.dtype;
  ASSIGN_OR_RETURN(const std::shared_ptr<const ElasticModel> model,
                   ElasticModel::Create(folder, ordering, model_options));
  FidelityOptions fidelity_options;
  fidelity_options.first_image = gradient_images + PathImages(gradient_images);
  fidelity_options.images = HeldOut(gradient_images);
  fidelity_options.clock = options.clock;
  fidelity_options.stop_at = start + options.time_limit;
  ASSIGN_OR_RETURN(ordering.fidelity,
                   MeasureFidelity(*model, source, fidelity_options,
                                   Part(progress, kGradientShare + kPathShare, 1)));
  return ordering;
}

}  // namespace snapvit
