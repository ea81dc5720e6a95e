#include "core/snapvit/pca_fitness.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/correction_set.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/permuted_weights.h"
#include "core/elastic/view_forward.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/dtype_choice.h"
#include "core/snapvit/pooled_forward.h"
#include "core/snapvit/preprocessed_images.h"

namespace snapvit {
namespace {

// Channels in order of importance, heads as they are.
UnitRanking ChannelRanking(Ordering ordering) {
  std::fill(ordering.head_scores.begin(), ordering.head_scores.end(), 0.0F);
  return UnitRanking(ordering);
}

at::Tensor Index(const std::vector<int>& units) {
  return at::tensor(std::vector<int64_t>(units.begin(), units.end()), at::kLong);
}

// [n, D] -> the leading eigenvectors of its covariance, [D, components], f32. As in PCA without
// whitening; signs and rotations within the subspace do not change a cosine.
at::Tensor PrincipalComponents(const at::Tensor& centred, int64_t components) {
  const at::Tensor rows = centred.to(at::kDouble);
  const auto [values, vectors] = at::linalg_eigh(at::mm(rows.t(), rows));  // rising
  return vectors.narrow(1, vectors.size(1) - components, components).to(at::kFloat).contiguous();
}

at::Tensor UnitRows(const at::Tensor& rows) {
  return rows / rows.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-8);
}

}  // namespace

struct PcaFitness::State {
  struct Batch {
    at::Tensor patches;  // EmbedPatches, [B·N, D]
    at::Tensor dense;    // projected dense embeddings as unit vectors, [B, k]
  };

  at::Tensor Embed(const View& view, const PermutedWeights& of, const Batch& batch) const {
    at::Tensor x = batch.patches.clone();
    return PooledForward(of, view, batch.dense.size(0), x);
  }

  at::Tensor Project(const at::Tensor& embeddings) const {
    return components.defined() ? at::mm(embeddings - mean, components) : embeddings;
  }

  absl::Status ReadImages(const Preprocessing& preprocessing, const CalibrationSource& source,
                          const PcaFitnessOptions& options, const ProgressFn& progress);
  void FindComponents(const PcaFitnessOptions& options);

  // `weights` with the heads of every block in the order of `ranking`.
  PermutedWeights WithHeads(const UnitRanking& ranking) const;

  Ordering raw;
  std::vector<PruningRatios> ratios;  // the most damaging first
  PermutedWeights weights;            // channels of each block by importance
  std::vector<Batch> batches;
  size_t images = 0;
  at::Tensor mean;        // of the dense embeddings, [1, D]
  at::Tensor components;  // [D, k]; undefined: no projection
};

absl::Status PcaFitness::State::ReadImages(const Preprocessing& preprocessing,
                                           const CalibrationSource& source,
                                           const PcaFitnessOptions& options,
                                           const ProgressFn& progress) {
  const View dense = MakeView(weights, CorrectionSet(), KeepCounts::Dense(weights.config));
  const size_t end = std::min(source.size(), options.first_image + options.images);
  for (size_t next = options.first_image; next < end;) {
    const size_t count = std::min<size_t>(end - next, options.batch);
    // Unreadable images were reported with the gradients.
    const at::Tensor pixels = PreprocessedImages(source, preprocessing, next, count);
    next += count;
    const int64_t rows = pixels.size(0);
    if (rows > 0) {
      Batch batch;
      batch.patches = EmbedPatches(weights, pixels);
      at::Tensor x = batch.patches.clone();
      batch.dense = PooledForward(weights, dense, rows, x);
      batches.push_back(std::move(batch));
      images += rows;
    }
    const double done = static_cast<double>(next - options.first_image);
    if (progress && !progress({"dense embeddings", done / (end - options.first_image)})) {
      return absl::CancelledError("ordering was stopped while computing the dense embeddings");
    }
  }
  if (images >= 2) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the fitness needs at least two images that can be read from the ",
                   options.first_image, "th of ", source.Describe(), " on; got ", images));
}

void PcaFitness::State::FindComponents(const PcaFitnessOptions& options) {
  std::vector<at::Tensor> dense;
  for (const Batch& batch : batches) dense.push_back(batch.dense);
  const at::Tensor all = at::cat(dense);
  if (options.components < all.size(1) && all.size(0) >= options.components) {
    mean = all.mean(0, /*keepdim=*/true);
    components = PrincipalComponents(all - mean, options.components);
  }
  for (Batch& batch : batches) batch.dense = UnitRows(Project(batch.dense));
}

PermutedWeights PcaFitness::State::WithHeads(const UnitRanking& ranking) const {
  PermutedWeights out = weights;  // tensors share storage
  const VitConfig& config = weights.config;
  for (int block = 0; block < config.depth; ++block) {
    const at::Tensor order = Index(ranking.heads(block)).to(weights.patch_weight.device());
    PermutedBlock& to = out.blocks[block];
    to.qkv_weight = to.qkv_weight.index_select(0, order);
    if (to.qkv_bias.defined()) to.qkv_bias = to.qkv_bias.index_select(0, order);
    to.proj_weight = to.proj_weight.view({config.num_heads, config.head_dim, config.embed_dim})
                         .index_select(0, order)
                         .view({-1, config.embed_dim});
  }
  return out;
}

PcaFitness::PcaFitness(std::unique_ptr<State> state) : state_(std::move(state)) {}
PcaFitness::~PcaFitness() = default;

size_t PcaFitness::images() const { return state_->images; }

int PcaFitness::components() const {
  return state_->components.defined() ? static_cast<int>(state_->components.size(1)) : 0;
}

absl::StatusOr<std::unique_ptr<PcaFitness>> PcaFitness::Create(const ModelFolder& folder,
                                                               const Ordering& raw,
                                                               const CalibrationSource& source,
                                                               const PcaFitnessOptions& options,
                                                               const ProgressFn& progress) {
  if (options.batch < 1 || options.components < 1 || options.ratios.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the fitness needs a batch, components and ratio pairs; got ", options.batch,
                     ", ", options.components, " and ", options.ratios.size(), " of them"));
  }
  return Guard([&]() -> absl::StatusOr<std::unique_ptr<PcaFitness>> {
    const c10::InferenceMode inference;
    auto state = std::make_unique<State>();
    state->raw = raw;
    state->ratios = options.ratios;
    // Bounds are reached soonest where the loss is highest, and that is where a forward is
    // cheapest.
    std::stable_sort(state->ratios.begin(), state->ratios.end(),
                     [](const PruningRatios& a, const PruningRatios& b) {
                       return a.mlp + a.heads > b.mlp + b.heads;
                     });
    const UnitRanking ranking = ChannelRanking(raw);
    ASSIGN_OR_RETURN(state->weights, Permute(folder.weights, &ranking, SearchDtype(options.dtype)));
    RETURN_IF_ERROR(state->ReadImages(folder.preprocessing, source, options, progress));
    state->FindComponents(options);
    return std::unique_ptr<PcaFitness>(new PcaFitness(std::move(state)));
  });
}

absl::StatusOr<FitnessValue> PcaFitness::Evaluate(std::span<const double> multipliers, double bound,
                                                  const ProgressFn& progress) const {
  const UnitRanking ranking(ScaledOrdering(state_->raw, multipliers));
  return Guard([&]() -> absl::StatusOr<FitnessValue> {
    const c10::InferenceMode inference;
    const PermutedWeights weights = state_->WithHeads(ranking);
    const size_t steps = state_->ratios.size() * state_->batches.size();
    const double terms = static_cast<double>(state_->ratios.size() * state_->images);
    double sum = 0;
    size_t step = 0;
    for (const PruningRatios& ratios : state_->ratios) {
      ASSIGN_OR_RETURN(const KeepCounts keep, ranking.Keep(ratios.mlp, ratios.heads));
      const View view = MakeView(weights, CorrectionSet(), keep);
      for (const State::Batch& batch : state_->batches) {
        const at::Tensor pruned = UnitRows(state_->Project(state_->Embed(view, weights, batch)));
        const at::Tensor cosine = (pruned * batch.dense).sum(1);
        // Rounding must not make a term negative, or a part would be no lower bound.
        sum += (1 - cosine).clamp_min(0).sum(at::kDouble).item<double>();
        ++step;
        if (progress && !progress({"search", static_cast<double>(step) / steps})) {
          return absl::CancelledError("ordering was stopped while searching multipliers");
        }
        if (step < steps && sum / terms >= bound) return FitnessValue{sum / terms, false};
      }
    }
    return FitnessValue{sum / terms, true};
  });
}

Ordering ScaledOrdering(const Ordering& raw, std::span<const double> multipliers) {
  Ordering scaled = raw;
  const auto factor = [&](size_t i) { return static_cast<float>(std::abs(multipliers[i])); };
  for (size_t i = 0; i < scaled.mlp_scores.size(); ++i) {
    scaled.mlp_scores[i] *= factor(i / scaled.hidden);
  }
  for (size_t i = 0; i < scaled.head_scores.size(); ++i) {
    scaled.head_scores[i] *= factor(scaled.blocks + i);
  }
  return scaled;
}

}  // namespace snapvit
