#include "core/snapvit/order.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/structure.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/elimination.h"
#include "core/snapvit/fidelity.h"
#include "core/snapvit/greedy_path.h"
#include "core/snapvit/low_rank.h"
#include "core/snapvit/unit_statistics.h"

namespace snapvit {
namespace {

// Shares of time and progress; the rest measures fidelity.
constexpr double kStatisticsShare = 0.4;
constexpr double kCorrectionShare = 0.15;
constexpr double kPathShare = 0.3;

// Units that elimination removes at once: a 48th of a block's channels costs little time and, on
// the demo model, no quality against one by one.
constexpr int kChannelsAtOnce = 16;
constexpr int kMostRank = 16;
// Of the block weights, for the tables of all corrections together.
constexpr double kCorrectionBytesShare = 0.05;

size_t PathImages(size_t statistics_images) { return std::max<size_t>(2, statistics_images / 8); }
size_t HeldOut(size_t statistics_images) { return std::max<size_t>(1, statistics_images / 3); }

std::vector<float> ToVector(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kFloat).cpu().contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

// One half of a block, ready for elimination and corrections.
HalfProblem MakeProblem(const VitWeights& weights, const UnitStatistics& statistics, size_t half) {
  const BlockWeights& block = weights.blocks[BlockOfHalf(half)];
  const bool attention = !IsMlpHalf(half);
  const HalfStatistics& of = statistics.halves[half];
  HalfProblem problem;
  problem.covariance = of.covariance.to(at::kDouble);
  problem.covariance.diagonal().add_(problem.covariance.diagonal().mean() * kRidge + 1e-12);
  problem.metric = of.metric.to(at::kDouble);
  problem.weight = (attention ? block.proj_weight : block.fc2_weight).t().to(at::kDouble);
  problem.unit_size = attention ? weights.config.head_dim : 1;
  return problem;
}

size_t BlockWeightCount(const VitConfig& config) {
  const size_t attention = 4ULL * config.embed_dim * config.num_heads * config.head_dim;
  const size_t mlp = 2ULL * config.embed_dim * config.mlp_hidden;
  return config.depth * (attention + mlp);
}

// Order of importance and corrections of every half.
class UnitOrdering {
 public:
  UnitOrdering(const VitConfig& config, Ordering& ordering)
      : config_(config), ordering_(ordering), orders_(2 * static_cast<size_t>(config.depth)) {
    ordering_.mlp_scores.resize(static_cast<size_t>(config.depth) * config.mlp_hidden);
    ordering_.head_scores.resize(static_cast<size_t>(config.depth) * config.num_heads);
  }

  // Releases the statistics of each half as it goes.
  absl::Status Run(const VitWeights& weights, UnitStatistics statistics,
                   const ProgressFn& progress) {
    Corrections& corrections = ordering_.corrections;
    corrections.embed_dim = config_.embed_dim;
    corrections.head_dim = config_.head_dim;
    for (size_t half = 0; half < orders_.size(); ++half) {
      const HalfProblem problem = MakeProblem(weights, statistics, half);
      const bool attention = !IsMlpHalf(half);
      const std::vector<float> own_means = ToVector(statistics.halves[half].mean);
      statistics.halves[half] = {};
      orders_[half] = EliminationOrder(problem, attention ? 1 : kChannelsAtOnce);
      std::vector<int> levels =
          attention ? HeadLevels(config_, ordering_) : ChannelLevels(config_, ordering_);
      if (!levels.empty() && levels.back() == 0) levels.pop_back();
      for (LowRankParts& parts : CorrectHalf(problem, orders_[half], levels, kMostRank)) {
        parts_.push_back({StructureOfHalf(half, config_.depth), std::move(parts)});
      }
      std::vector<float>& means = attention ? corrections.head_means : corrections.mlp_means;
      means.insert(means.end(), own_means.begin(), own_means.end());
      const double done = static_cast<double>(half + 1) / static_cast<double>(orders_.size());
      if (progress && !progress({"elimination", done})) {
        return absl::CancelledError("ordering was stopped while ranking units");
      }
    }
    std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) {
      return std::tie(a.structure, a.parts.keep) < std::tie(b.structure, b.parts.keep);
    });
    // Until there is a path, what comes last within a block counts least.
    ScoreByPath();
    StoreLowRank(std::vector<int>(parts_.size(), kMostRank));
    return absl::OkStatus();
  }

  // Once the ordering has its path: scores that tell over all blocks when the path removes a unit,
  // and corrections within the bound of memory, of the keep counts that the path stops at.
  // `bytes_per_weight`: of the execution dtype.
  void Finish(size_t bytes_per_weight) {
    ScoreByPath();
    std::set<std::pair<int32_t, int32_t>> stops;
    for (const PathStep& step : ordering_.path) stops.insert({step.structure, step.keep});
    // Every stop has a bias of its own, besides.
    const size_t biases = stops.size() * config_.embed_dim * bytes_per_weight;
    const auto bound = static_cast<size_t>(
        kCorrectionBytesShare * static_cast<double>(BlockWeightCount(config_) * bytes_per_weight));
    const size_t correction_bytes = bound > biases ? bound - biases : 0;
    std::erase_if(parts_, [&stops](const Part& part) {
      return !stops.contains({part.structure, part.parts.keep});
    });
    std::vector<const LowRankParts*> parts;
    for (const Part& part : parts_) parts.push_back(&part.parts);
    StoreLowRank(AllocateRanks(parts, correction_bytes));
  }

 private:
  struct Part {
    int32_t structure;
    LowRankParts parts;
  };

  float* ScoresOf(size_t half) {
    const size_t block = BlockOfHalf(half);
    return IsMlpHalf(half) ? ordering_.mlp_scores.data() + block * config_.mlp_hidden
                           : ordering_.head_scores.data() + block * config_.num_heads;
  }

  // A unit's score is the number of the path's step that removes it, and between units of one step
  // a fraction by their order; units that the path never removes follow.
  void ScoreByPath() {
    std::vector<size_t> left;
    for (const std::vector<int>& order : orders_) left.push_back(order.size());
    const auto score = [this](size_t half, size_t keep, size_t end, size_t step) {
      for (size_t i = keep; i < end; ++i) {
        const double fraction = static_cast<double>(end - 1 - i) / static_cast<double>(end - keep);
        ScoresOf(half)[orders_[half][i]] = static_cast<float>(static_cast<double>(step) + fraction);
      }
    };
    for (size_t step = 0; step < ordering_.path.size(); ++step) {
      const auto [structure, keep] = ordering_.path[step];
      const size_t half = HalfOfStructure(structure, config_.depth);
      score(half, keep, left[half], step);
      left[half] = keep;
    }
    for (size_t half = 0; half < orders_.size(); ++half) {
      score(half, 0, left[half], ordering_.path.size());
    }
  }

  // `ranks`: of each of parts_, at most.
  void StoreLowRank(const std::vector<int>& ranks) {
    std::vector<LowRankCorrection>& stored = ordering_.corrections.low_rank;
    stored.clear();
    for (size_t i = 0; i < parts_.size(); ++i) {
      const auto& [structure, parts] = parts_[i];
      const int rank = std::min(ranks[i], static_cast<int>(parts.gains.size()));
      if (rank > 0) stored.push_back(ToCorrection(parts, structure, rank));
    }
  }

  const VitConfig& config_;
  Ordering& ordering_;
  std::vector<std::vector<int>> orders_;  // per half: units, most important first
  std::vector<Part> parts_;
};

}  // namespace

size_t CalibrationImagesFor(size_t statistics_images) {
  return statistics_images + PathImages(statistics_images) + HeldOut(statistics_images);
}

absl::StatusOr<Ordering> ComputeOrdering(const ModelFolder& folder, const std::string& fingerprint,
                                         const CalibrationSource& source,
                                         const OrderOptions& options, const ProgressFn& progress) {
  if (source.size() < 4) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.Describe(), " has ", source.size(),
        " images, expected at least 4: for statistics, for the budget path, to measure fidelity"));
  }
  const absl::Time start = options.clock->Now();
  const auto until = [&](double share) { return start + share * options.time_limit; };
  const bool enough = source.size() >= CalibrationImagesFor(options.images);
  const size_t statistics_images =
      enough ? options.images : std::max<size_t>(1, source.size() * 24 / 35);
  const VitConfig& config = folder.config;

  Ordering ordering;
  ordering.blocks = config.depth;
  ordering.hidden = config.mlp_hidden;
  ordering.heads = config.num_heads;
  ordering.model_fingerprint = fingerprint;
  ordering.recipe = "default";
  ordering.seed = options.seed;

  absl::StatusOr<VitWeights> weights = ToFloat32(folder.weights);
  RETURN_IF_ERROR(weights.status());
  UnitStatisticsOptions statistics_options;
  statistics_options.images = statistics_images;
  statistics_options.seed = options.seed;
  statistics_options.clock = options.clock;
  statistics_options.stop_at = until(kStatisticsShare);
  ASSIGN_OR_RETURN(UnitStatistics statistics,
                   ComputeUnitStatistics(*weights, folder.preprocessing, source, statistics_options,
                                         PartOf(progress, 0, kStatisticsShare)));
  ordering.calibration_source = absl::StrCat(source.Describe(), ", ", statistics.images, " images");

  constexpr double kRanked = kStatisticsShare + kCorrectionShare;
  UnitOrdering units(config, ordering);
  RETURN_IF_ERROR(Guard([&] {
    return units.Run(*weights, std::move(statistics), PartOf(progress, kStatisticsShare, kRanked));
  }));
  weights = absl::InternalError("released");  // the f32 copy

  GreedyPathOptions path;
  path.first_image = statistics_images;
  path.images = PathImages(statistics_images);
  path.corrections = options.ladder.corrections;
  path.clock = options.clock;
  path.stop_at = until(kRanked + kPathShare);
  ASSIGN_OR_RETURN(ordering.path, GreedyPath(folder, ordering, source, path,
                                             PartOf(progress, kRanked, kRanked + kPathShare)));
  RETURN_IF_ERROR(Guard([&] { units.Finish(options.dtype == ExecutionDtype::kBFloat16 ? 2 : 4); }));

  ElasticModel::Options model_options;
  model_options.ladder = options.ladder;
  model_options.dtype = options.dtype;
  FidelityOptions fidelity_options;
  fidelity_options.first_image = statistics_images + PathImages(statistics_images);
  fidelity_options.images = HeldOut(statistics_images);
  fidelity_options.clock = options.clock;
  fidelity_options.stop_at = until(1);
  ASSIGN_OR_RETURN(ordering.fidelity,
                   MeasureFidelity(folder, ordering, model_options, source, fidelity_options,
                                   PartOf(progress, kRanked + kPathShare, 1)));
  return ordering;
}

}  // namespace snapvit
