#include "core/snapvit/greedy_path.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/budget_path.h"
#include "core/elastic/correction_set.h"
#include "core/elastic/cost_model.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/ladder.h"
#include "core/elastic/permuted_weights.h"
#include "core/elastic/structure.h"
#include "core/elastic/view_forward.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/dtype_choice.h"
#include "core/snapvit/preprocessed_images.h"

namespace snapvit {
namespace {

constexpr size_t kFewestImages = 8;
constexpr double kLastCompute = 0.95 * kSmallestPathCompute;

// The channels or the heads of one block.
struct Structure {
  int32_t number = 0;  // as in core/elastic/structure.h
  size_t half = 0;
  std::vector<int> levels;    // keep counts to come, the next one last
  double flops = 0;           // of one unit
  double loss_per_flop = 0;   // of the next chunk, measured at some earlier state
  bool measured_now = false;  // in the present state
};

class GreedySearch {
 public:
  GreedySearch(const PermutedWeights& weights, const CorrectionSet& corrections,
               const Ordering& ordering, const GreedyPathOptions& options,
               const ProgressFn& progress)
      : weights_(weights),
        corrections_(corrections),
        config_(weights.config),
        cost_(config_),
        options_(options),
        progress_(progress),
        keep_(KeepCounts::Dense(config_)) {
    std::vector<int> heads = HeadLevels(config_, ordering);
    std::vector<int> channels = ChannelLevels(config_, ordering);
    std::reverse(heads.begin(), heads.end());
    std::reverse(channels.begin(), channels.end());
    steps_ = config_.depth * (heads.size() + channels.size());
    for (size_t half = 0; half < 2 * static_cast<size_t>(config_.depth); ++half) {
      const int32_t number = StructureOfHalf(half, config_.depth);
      structures_.push_back(IsMlpHalf(half)
                                ? Structure{number, half, channels, cost_.flops_per_channel()}
                                : Structure{number, half, heads, cost_.flops_per_head()});
    }
  }

  absl::Status Run(const at::Tensor& pixels) {
    Prepare(pixels);
    for (Structure& structure : structures_) {
      if (CanShrink(structure)) RETURN_IF_ERROR(Measure(structure));
    }
    while (cost_.Compute(keep_) > kLastCompute) {
      Structure* const best = Best();
      if (best == nullptr) break;
      if (!best->measured_now) {
        if (!TimeIsUp()) {
          RETURN_IF_ERROR(Measure(*best));
          continue;
        }
        cut_short_ = true;
      }
      Remove(*best);
      RETURN_IF_ERROR(Report());
    }
    return absl::OkStatus();
  }

  std::vector<PathStep> TakePath() { return std::move(path_); }
  bool cut_short() const { return cut_short_; }

 private:
  bool TimeIsUp() const { return options_.clock->Now() >= options_.stop_at; }

  static bool CanShrink(const Structure& structure) { return !structure.levels.empty(); }

  // The dense model on as many of the images as time allows, and the input of every half.
  void Prepare(const at::Tensor& pixels) {
    const at::Tensor few = pixels.narrow(0, 0, std::min<int64_t>(pixels.size(0), kFewestImages));
    Restart(few);  // the first run sets up products and memory, too
    const absl::Time start = options_.clock->Now();
    Restart(few);
    const absl::Duration time = options_.clock->Now() - start;
    // A structure's first loss takes half a forward; each step takes one to two tries of smaller
    // and smaller views.
    const double forwards =
        0.5 * static_cast<double>(structures_.size()) + 0.6 * static_cast<double>(steps_);
    const absl::Duration left = options_.stop_at - options_.clock->Now();
    const double affordable = absl::FDivDuration(left, forwards * time) * kFewestImages;
    const auto images =
        static_cast<int64_t>(std::min(affordable, static_cast<double>(pixels.size(0))));
    if (images > few.size(0)) Restart(pixels.narrow(0, 0, images));
    cut_short_ = batch_ < pixels.size(0);
  }

  void Restart(const at::Tensor& pixels) {
    batch_ = pixels.size(0);
    inputs_.assign(2 * static_cast<size_t>(config_.depth), {});
    inputs_[0] = EmbedPatches(weights_, pixels);
    run_ = {};
    run_.inputs.resize(inputs_.size());
    const at::Tensor dense = RunFrom(0, MakeView(weights_, corrections_, keep_));
    TakeInputsBehind(0);
    mean_ = dense.mean(0, /*keepdim=*/true);
    reference_ = dense - mean_;
    fidelity_ = 1;
  }

  // The embeddings of a view that equals the present one before `half`; the inputs of the halves
  // behind it go to run_.
  at::Tensor RunFrom(size_t half, const View& view) {
    at::Tensor x = inputs_[half].clone();
    RunHalf(weights_, view, half, batch_, x);
    while (++half < inputs_.size()) {
      run_.inputs[half] = x.clone();
      RunHalf(weights_, view, half, batch_, x);
    }
    return PoolDefault(weights_, FinishTokens(weights_, x, batch_));
  }

  void TakeInputsBehind(size_t half) {
    const auto behind = static_cast<std::ptrdiff_t>(half + 1);
    std::swap_ranges(inputs_.begin() + behind, inputs_.end(), run_.inputs.begin() + behind);
  }

  // Runs the present view without the next chunk of `structure`.
  void Try(const Structure& structure) {
    KeepCounts keep = keep_;
    UnitsOf(keep, structure.number) = structure.levels.back();
    const at::Tensor embedding = RunFrom(structure.half, MakeView(weights_, corrections_, keep));
    run_.structure = &structure;
    run_.fidelity =
        at::cosine_similarity(embedding - mean_, reference_, /*dim=*/1).mean().item<double>();
  }

  absl::Status Measure(Structure& structure) {
    Try(structure);
    const int removed = UnitsOf(keep_, structure.number) - structure.levels.back();
    structure.loss_per_flop = (fidelity_ - run_.fidelity) / (removed * structure.flops);
    structure.measured_now = true;
    return Report();
  }

  Structure* Best() {
    Structure* best = nullptr;
    for (Structure& structure : structures_) {
      if (!CanShrink(structure)) continue;
      if (best == nullptr || structure.loss_per_flop < best->loss_per_flop) best = &structure;
    }
    return best;
  }

  void Remove(Structure& structure) {
    if (!TimeIsUp()) {  // else nothing will be measured any more
      // The last run is nearly always the one of the structure that turned out to be the best.
      if (run_.structure != &structure) Try(structure);
      TakeInputsBehind(structure.half);
      fidelity_ = run_.fidelity;
    }
    run_.structure = nullptr;
    UnitsOf(keep_, structure.number) = structure.levels.back();
    path_.push_back({structure.number, structure.levels.back()});
    structure.levels.pop_back();
    for (Structure& other : structures_) other.measured_now = false;
  }

  absl::Status Report() const {
    const double done = (1 - cost_.Compute(keep_)) / (1 - kLastCompute);
    if (progress_ && !progress_({"budget path", std::clamp(done, 0.0, 1.0)})) {
      return absl::CancelledError("ordering was stopped while searching the budget path");
    }
    return absl::OkStatus();
  }

  const PermutedWeights& weights_;
  const CorrectionSet& corrections_;
  const VitConfig& config_;
  const CostModel cost_;
  const GreedyPathOptions& options_;
  const ProgressFn& progress_;

  std::vector<Structure> structures_;
  size_t steps_ = 0;  // of the longest possible path
  KeepCounts keep_;
  int64_t batch_ = 0;
  std::vector<at::Tensor> inputs_;  // of each half, in the present state, [B·N, D]
  // What the last run found: it becomes the present state if its structure is the one to shrink.
  struct LastRun {
    const Structure* structure = nullptr;  // null: of an earlier state
    std::vector<at::Tensor> inputs;        // as inputs_, of the halves behind the structure's
    double fidelity = 0;
  } run_;
  at::Tensor mean_, reference_;  // of the dense model: mean, and embeddings less the mean
  double fidelity_ = 1;          // of the present state
  std::vector<PathStep> path_;
  bool cut_short_ = false;  // by time
};

size_t ImagesInMemory(const VitConfig& config, size_t bytes) {
  // Of the present state and of the last run.
  const size_t halves = 2 * 2 * static_cast<size_t>(config.depth);
  const size_t per_image = sizeof(float) * halves * config.tokens() * config.embed_dim;
  return std::max(kFewestImages, bytes / per_image);
}

// Views through all levels, so that corrections are made for each of them.
std::vector<KeepCounts> ViewsAtAllLevels(const VitConfig& config, const Ordering& ordering) {
  const std::vector<int> heads = HeadLevels(config, ordering);
  const std::vector<int> channels = ChannelLevels(config, ordering);
  std::vector<KeepCounts> views;
  for (size_t i = 0; i < std::max(heads.size(), channels.size()); ++i) {
    KeepCounts keep = KeepCounts::Dense(config);
    if (i < heads.size()) keep.heads.assign(config.depth, heads[i]);
    if (i < channels.size()) keep.channels.assign(config.depth, channels[i]);
    views.push_back(std::move(keep));
  }
  return views;
}

}  // namespace

std::vector<int> HeadLevels(const VitConfig& config, const Ordering& ordering) {
  std::vector<int> levels;
  const int least = static_cast<int>(config.num_heads * ordering.min_head_keep);
  for (int keep = config.num_heads - 1; keep >= least; --keep) levels.push_back(keep);
  return levels;
}

std::vector<int> ChannelLevels(const VitConfig& config, const Ordering& ordering) {
  const int multiple = LadderOptions().channel_multiple;
  const int hidden = config.mlp_hidden;
  const int sixteenth = std::max(1, hidden / 16);
  const int chunk = RoundUpChannels(sixteenth, std::min(multiple, std::max(1, hidden / 4)), hidden);
  const int least = std::max(1, static_cast<int>(hidden * ordering.min_mlp_keep));
  std::vector<int> levels;
  for (int keep = hidden - chunk; keep >= least; keep -= chunk) {
    // A block that is no whole number of multiples starts with a smaller or larger step.
    const int rounded = RoundUpChannels(keep, multiple, hidden);
    if (rounded < (levels.empty() ? hidden : levels.back())) levels.push_back(rounded);
  }
  return levels;
}

absl::StatusOr<std::vector<PathStep>> GreedyPath(const ModelFolder& folder,
                                                 const Ordering& ordering,
                                                 const CalibrationSource& source,
                                                 const GreedyPathOptions& options,
                                                 const ProgressFn& progress, bool* cut_short) {
  const UnitRanking ranking(ordering);
  ASSIGN_OR_RETURN(const PermutedWeights weights,
                   Permute(folder.weights, &ranking, SearchDtype(options.dtype)));
  return Guard([&]() -> absl::StatusOr<std::vector<PathStep>> {
    const c10::InferenceMode inference;
    const size_t images =
        std::min(options.images, ImagesInMemory(folder.config, options.activation_bytes));
    const at::Tensor pixels =
        PreprocessedImages(source, folder.preprocessing, options.first_image, images);
    if (pixels.size(0) < 2) {
      return absl::FailedPreconditionError("fewer than two images are left to search the path on");
    }
    ASSIGN_OR_RETURN(
        const CorrectionSet corrections,
        CorrectionSet::Create(weights, ranking, ordering.corrections, options.corrections,
                              ViewsAtAllLevels(folder.config, ordering)));
    GreedySearch search(weights, corrections, ordering, options, progress);
    RETURN_IF_ERROR(search.Run(pixels));
    if (cut_short != nullptr) *cut_short = search.cut_short();
    return search.TakePath();
  });
}

}  // namespace snapvit
