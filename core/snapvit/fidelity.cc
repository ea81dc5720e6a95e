#include "core/snapvit/fidelity.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/elastic_state.h"
#include "core/elastic/view_forward.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/neighbour_overlap.h"
#include "core/snapvit/preprocessed_images.h"

namespace snapvit {
namespace {

constexpr size_t kBatch = 16;
constexpr int64_t kFewestImages = 2;  // one is its own mean
// Embeddings that are closer to their mean than this share of their own length are the same one.
constexpr double kLeastDeviation = 1e-5;

// Rungs to measure, rising, dense last.
std::vector<int> MeasuredRungs(const Ladder& ladder, int points) {
  const int count = std::min(points, ladder.size());
  if (count == 1) return {ladder.dense()};
  std::vector<int> rungs;
  for (int i = 0; i < count; ++i) {
    rungs.push_back(static_cast<int>(std::lround(1.0 * i * ladder.dense() / (count - 1))));
  }
  return rungs;
}

class FidelityMeasurement {
 public:
  FidelityMeasurement(const ElasticModel& model, const CalibrationSource& source,
                      const FidelityOptions& options)
      : model_(model),
        source_(source),
        options_(options),
        rungs_(MeasuredRungs(model.ladder(), options.points)),
        end_(std::min(source.size(), options.first_image + options.images)),
        next_(options.first_image),
        embeddings_(rungs_.size()),
        classes_(rungs_.size()) {}

  absl::Status Run(const ProgressFn& progress) {
    for (size_t batch = 0; next_ < end_; ++batch) {
      if (batch >= 2 && options_.clock->Now() >= options_.stop_at) break;
      RETURN_IF_ERROR(RunBatch());
      const double done = static_cast<double>(next_ - options_.first_image);
      if (progress && !progress({"fidelity", done / (end_ - options_.first_image)})) {
        return absl::CancelledError("ordering was stopped while measuring fidelity");
      }
    }
    if (images_ < kFewestImages) {
      return absl::FailedPreconditionError(absl::StrCat(
          images_, " images of ", source_.Describe(),
          " are left, and readable, to measure fidelity on, expected at least ", kFewestImages));
    }
    return absl::OkStatus();
  }

  bool cut_short() const { return next_ < end_; }

  absl::StatusOr<FidelityCurve> Curve() const {
    const at::Tensor dense = at::cat(embeddings_.back());
    const at::Tensor mean = dense.mean(0, /*keepdim=*/true);
    const at::Tensor centred_dense = dense - mean;
    const double images = static_cast<double>(images_);
    if (!(centred_dense.norm(2, {1}) > kLeastDeviation * dense.norm(2, {1})).any().item<bool>()) {
      return absl::FailedPreconditionError(
          absl::StrCat("all ", images_, " images of ", source_.Describe(),
                       " to measure fidelity on have the same embedding, expected different ones"));
    }
    const NeighbourOverlap neighbours(dense);
    FidelityCurve curve;
    curve.corrections = model_.ladder().corrections();
    for (size_t i = 0; i < rungs_.size(); ++i) {
      const at::Tensor embeddings = at::cat(embeddings_[i]);
      const at::Tensor cosine = at::cosine_similarity(embeddings - mean, centred_dense, /*dim=*/1);
      const double deviation = cosine.std(0, /*unbiased=*/true, false).item<double>();
      curve.compute.push_back(static_cast<float>(model_.ladder().rung(rungs_[i]).compute));
      curve.fidelity.push_back(cosine.mean().item<float>());
      curve.standard_error.push_back(static_cast<float>(deviation / std::sqrt(images)));
      if (const std::optional<double> overlap = neighbours.Of(embeddings); overlap.has_value()) {
        curve.overlap.push_back(static_cast<float>(*overlap));
      }
      if (!classes_.back().empty()) {
        const at::Tensor same = at::cat(classes_[i]) == at::cat(classes_.back());
        curve.agreement.push_back(same.to(at::kFloat).mean().item<float>());
      }
    }
    MakeNonDecreasing(curve.fidelity);
    return curve;
  }

 private:
  absl::Status RunBatch() {
    return Guard([&]() -> absl::Status {
      const c10::InferenceMode inference;
      // Unreadable images are left out: they were reported with the statistics.
      const size_t count = std::min(end_ - next_, kBatch);
      const at::Tensor pixels = PreprocessedImages(source_, model_.preprocessing(), next_, count);
      next_ += count;
      if (pixels.size(0) == 0) return absl::OkStatus();
      images_ += pixels.size(0);
      const ElasticModel::State& state = model_.state();
      for (size_t i = 0; i < rungs_.size(); ++i) {
        const at::Tensor tokens =
            RungTokens(model_, rungs_[i], pixels, TokensOfEmbedding(model_.config()));
        const at::Tensor embedding = PoolDefault(state.weights, tokens);
        embeddings_[i].push_back(embedding.clone());
        if (model_.config().num_classes > 0) {
          classes_[i].push_back(Logits(state.weights, tokens, embedding).argmax(1));
        }
      }
      return absl::OkStatus();
    });
  }

  const ElasticModel& model_;
  const CalibrationSource& source_;
  const FidelityOptions& options_;
  const std::vector<int> rungs_;
  const size_t end_;
  size_t next_;
  int64_t images_ = 0;                               // that could be read
  std::vector<std::vector<at::Tensor>> embeddings_;  // per measured rung and batch, [images, D]
  std::vector<std::vector<at::Tensor>> classes_;     // [images]; empty without a classifier
};

}  // namespace

void MakeNonDecreasing(std::vector<float>& values) {
  struct Block {
    double sum;
    size_t count;
    double mean() const { return sum / static_cast<double>(count); }
  };
  std::vector<Block> blocks;
  for (const float value : values) {
    blocks.push_back({value, 1});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].mean() > blocks.back().mean()) {
      blocks[blocks.size() - 2].sum += blocks.back().sum;
      blocks[blocks.size() - 2].count += blocks.back().count;
      blocks.pop_back();
    }
  }
  size_t i = 0;
  for (const Block& block : blocks) {
    for (size_t end = i + block.count; i < end; ++i) values[i] = static_cast<float>(block.mean());
  }
}

absl::StatusOr<FidelityCurve> MeasureFidelity(const ElasticModel& model,
                                              const CalibrationSource& source,
                                              const FidelityOptions& options,
                                              const ProgressFn& progress, bool* cut_short) {
  FidelityMeasurement measurement(model, source, options);
  RETURN_IF_ERROR(measurement.Run(progress));
  if (cut_short != nullptr) *cut_short = measurement.cut_short();
  return Guard([&] { return measurement.Curve(); });
}

absl::StatusOr<FidelityCurve> MeasureFidelity(const ModelFolder& folder, const Ordering& ordering,
                                              const ElasticModel::Options& model_options,
                                              const CalibrationSource& source,
                                              const FidelityOptions& options,
                                              const ProgressFn& progress, bool* cut_short) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const ElasticModel> model,
                   ElasticModel::Create(folder, ordering, model_options));
  return MeasureFidelity(*model, source, options, progress, cut_short);
}

}  // namespace snapvit
