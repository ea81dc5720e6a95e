#include "core/snapvit/gradient_scores.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/reference_forward.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/crops.h"
#include "core/snapvit/preprocessed_images.h"

namespace snapvit {
namespace {

// The parameters whose gradients are scores, in this order: of every block the first MLP layer, its
// gate where there is one, and the rows of the values.
std::vector<at::Tensor> ScoredParameters(VitWeights& weights) {
  std::vector<at::Tensor> parameters;
  for (BlockWeights& block : weights.blocks) {
    for (at::Tensor* weight : {&block.fc1.weight, &block.gate.weight, &block.value.weight}) {
      if (!weight->defined()) continue;
      *weight = weight->detach().set_requires_grad(true);
      parameters.push_back(*weight);
    }
  }
  return parameters;
}

Preprocessing CropPreprocessing(Preprocessing preprocessing,
                                const std::optional<CollapsedViews>& collapsed) {
  if (collapsed.has_value()) {
    preprocessing.mean = collapsed->mean;
    preprocessing.std = collapsed->std;
  }
  return preprocessing;
}

// CE(softmax(t), softmax(s)) of each row of unit vectors, [B].
at::Tensor CrossEntropy(const at::Tensor& teacher, const at::Tensor& student) {
  return -(teacher.softmax(-1) * student.log_softmax(-1)).sum(-1);
}

at::Tensor UnitRows(const at::Tensor& embeddings) {
  return embeddings / embeddings.norm(2, {-1}, /*keepdim=*/true);
}

// Mean over each unit's share of the rows: [units·rows, D] -> [units].
std::vector<float> MeanSquares(const at::Tensor& gradient, int64_t units) {
  const at::Tensor means = gradient.square().reshape({units, -1}).mean(1).cpu().contiguous();
  return {means.data_ptr<float>(), means.data_ptr<float>() + units};
}

class ScoreComputation {
 public:
  ScoreComputation(const VitWeights& weights, const Preprocessing& preprocessing,
                   const CalibrationSource& source, const GradientScoresOptions& options)
      : gradients_(weights),
        preprocessing_(CropPreprocessing(preprocessing, options.collapsed)),
        source_(source),
        options_(options),
        images_(std::min(options.images, source.size())),
        crops_(options.collapsed ? 1 : options.global_views,
               options.collapsed ? 1 : options.local_views) {
    // With collapsed views autograd sees the local crop alone.
    const size_t views = options.collapsed ? 1 : crops_.views();
    const size_t per_image = views * ActivationBytes(weights.config);
    const size_t at_most = options.collapsed ? options.collapsed->batch : 16;
    differentiated_images_ = std::clamp<size_t>(options.activation_bytes / per_image, 1, at_most);
    // A mean needs to know how many images are in it, so its batch is read as a whole.
    batch_images_ = options.collapsed ? at_most : differentiated_images_;
  }

  absl::Status Run(const ProgressFn& progress) {
    while (next_ < images_) {
      RETURN_IF_ERROR(RunBatch());
      if (progress && !progress({"gradients", static_cast<double>(next_) / images_})) {
        return absl::CancelledError("ordering was stopped while computing gradients");
      }
      if (options_.clock->Now() >= options_.stop_at) break;
    }
    return CheckReadable(unreadable_, next_);
  }

  GradientScores Scores() const { return gradients_.Scores(); }

 private:
  // Distinct crops of an image.
  struct Crops {
    Crops(int global_crops, int local_crops) : global(global_crops), local(local_crops) {}
    int64_t views() const { return global + local; }
    int global;
    int local;
  };

  // Crops of the next images, [images·views, 3, H, W]; images that cannot be read are counted and
  // left out.
  at::Tensor NextViews() {
    const size_t count = std::min(batch_images_, images_ - next_);
    const at::Tensor pixels = ImageInputs(
        source_, preprocessing_, next_, count, crops_.views(),
        [this](const Image& image, size_t index, std::span<float> out) {
          WriteCrops(image, index, out);
          return absl::OkStatus();
        },
        &unreadable_);
    next_ += count;
    return pixels;
  }

  void WriteCrops(const Image& image, size_t index, std::span<float> out) const {
    const size_t size = out.size() / crops_.views();
    Random random(options_.seed, index);
    for (int64_t view = 0; view < crops_.views(); ++view) {
      const CropRange& range = view < crops_.global ? kGlobalCrop : kLocalCrop;
      const CropBox box = RandomCropBox(image.width, image.height, range, random);
      CropToInput(image, box, preprocessing_, out.subspan(view * size, size));
    }
  }

  absl::Status RunBatch() {
    return Guard([&]() -> absl::Status {
      const at::Tensor pixels = NextViews().to(gradients_.device());
      const int64_t images = pixels.size(0) / crops_.views();
      const at::Tensor by_image =
          pixels.view({images, crops_.views(), 3, preprocessing_.height, preprocessing_.width});
      const double terms = 1.0 * options_.global_views * options_.local_views;
      for (const at::Tensor& part :
           by_image.split(static_cast<int64_t>(differentiated_images_), /*dim=*/0)) {
        if (part.size(0) == 0) continue;
        RETURN_IF_ERROR(
            options_.collapsed
                ? gradients_.AddCollapsed(part, terms / static_cast<double>(images))
                : gradients_.AddBatch(part.flatten(0, 1), crops_.views(), options_.global_views));
      }
      return absl::OkStatus();
    });
  }

  GradientAccumulator gradients_;
  const Preprocessing preprocessing_;  // of crops
  const CalibrationSource& source_;
  const GradientScoresOptions& options_;
  const size_t images_;
  const Crops crops_;
  size_t batch_images_ = 1;           // read at once
  size_t differentiated_images_ = 1;  // at once, of those
  size_t next_ = 0;
  UnreadableImages unreadable_;
};

}  // namespace

GradientAccumulator::GradientAccumulator(const VitWeights& weights)
    : weights_(weights), parameters_(ScoredParameters(weights_)) {
  for (const at::Tensor& parameter : parameters_) sums_.push_back(at::zeros_like(parameter));
}

absl::Status GradientAccumulator::AddBatch(const at::Tensor& pixels, int64_t views,
                                           int64_t global_views, double weight) {
  return Guard([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ReferenceOutput output, ReferenceForward(weights_, pixels));
    const at::Tensor embeddings = output.pooled.view({-1, views, weights_.config.embed_dim});
    const at::Tensor loss = SelfDistillationLoss(embeddings, global_views);
    const std::vector<at::Tensor> gradients = torch::autograd::grad({loss}, parameters_);
    for (size_t i = 0; i < sums_.size(); ++i) sums_[i].add_(gradients[i], weight);
    images_ += embeddings.size(0);
    return absl::OkStatus();
  });
}

absl::Status GradientAccumulator::AddCollapsed(const at::Tensor& pixels, double weight) {
  return Guard([&]() -> absl::Status {
    at::Tensor teacher;
    {
      const at::NoGradGuard no_gradient;
      ASSIGN_OR_RETURN(const ReferenceOutput output,
                       ReferenceForward(weights_, pixels.select(1, 0).contiguous()));
      teacher = UnitRows(output.pooled);
    }
    ASSIGN_OR_RETURN(const ReferenceOutput output,
                     ReferenceForward(weights_, pixels.select(1, 1).contiguous()));
    const at::Tensor loss = CrossEntropy(teacher, UnitRows(output.pooled)).sum();
    const std::vector<at::Tensor> gradients = torch::autograd::grad({loss}, parameters_);
    for (size_t i = 0; i < sums_.size(); ++i) sums_[i].add_(gradients[i], weight);
    images_ += pixels.size(0);
    return absl::OkStatus();
  });
}

GradientScores GradientAccumulator::Scores() const {
  const VitConfig& config = weights_.config;
  GradientScores scores;
  scores.images = images_;
  const bool gated = config.block.gated_mlp;
  for (size_t next = 0; next < sums_.size();) {
    // A gated channel owns a row of either matrix.
    const at::Tensor first = sums_[next++];
    const at::Tensor channels = gated ? at::cat({first, sums_[next++]}, /*dim=*/1) : first;
    const std::vector<float> mlp = MeanSquares(channels, config.mlp_hidden);
    scores.mlp.insert(scores.mlp.end(), mlp.begin(), mlp.end());
    const std::vector<float> heads = MeanSquares(sums_[next++], config.num_heads);
    scores.heads.insert(scores.heads.end(), heads.begin(), heads.end());
  }
  return scores;
}

at::Tensor SelfDistillationLoss(const at::Tensor& embeddings, int64_t global_views) {
  const at::Tensor normalised = UnitRows(embeddings);
  const at::Tensor log_student = normalised.log_softmax(-1);
  const at::Tensor teacher = normalised.narrow(1, 0, global_views).detach().softmax(-1);
  // [images, teachers, students]
  const at::Tensor entropies = -at::matmul(teacher, log_student.transpose(1, 2));
  // A view is not its own student.
  const at::Tensor others = 1 - at::eye(global_views, embeddings.size(1), embeddings.options());
  return (entropies * others).sum();
}

absl::StatusOr<GradientScores> ComputeGradientScores(const VitWeights& weights,
                                                     const Preprocessing& preprocessing,
                                                     const CalibrationSource& source,
                                                     const GradientScoresOptions& options,
                                                     const ProgressFn& progress) {
  if (options.global_views < 1 || options.local_views < 0 ||
      options.global_views + options.local_views < 2 || source.size() == 0 ||
      (options.collapsed && (options.local_views < 1 || options.collapsed->batch < 1))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "gradient scores need at least one global view, two views in all (one of them local and "
        "batches of at least one image if they are collapsed) and one image; got ",
        options.global_views, " global, ", options.local_views, " local, ", source.size(),
        " images"));
  }
  return Guard([&]() -> absl::StatusOr<GradientScores> {
    ScoreComputation computation(weights, preprocessing, source, options);
    RETURN_IF_ERROR(computation.Run(progress));
    return computation.Scores();
  });
}

}  // namespace snapvit
