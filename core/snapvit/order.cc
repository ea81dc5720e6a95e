#include "core/snapvit/order.h"

#include <ATen/ATen.h>

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/elastic/structure.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/calibration_run.h"
#include "core/snapvit/correction_builder.h"
#include "core/snapvit/elimination.h"
#include "core/snapvit/greedy_path.h"
#include "core/snapvit/order_checkpoint.h"

namespace snapvit {
namespace {

constexpr Stage kStatistics = {0, 0.4};
constexpr Stage kElimination = {0.4, 0.55};
constexpr Stage kPath = {0.55, 0.85};
constexpr Stage kFidelity = {0.85, 1};

// Units that elimination removes at once: a 48th of a block's channels costs little time and, on
// the demo model, no quality against one by one.
constexpr int kChannelsAtOnce = 16;

// Units of each half, most important first.
using UnitOrders = std::vector<std::vector<int>>;

void Warn(const OrderOptions& options, const std::string& text) {
  if (options.warn) options.warn(text);
}

// Of everything that ranking and path depend on.
std::string CheckpointKey(const std::string& fingerprint, const CalibrationSource& source,
                          const OrderOptions& options) {
  Sha256 hash;
  hash.AddField("snapvit default ordering 1");
  hash.AddField(fingerprint);
  hash.AddField(absl::StrCat(options.images, " ", options.seed));
  hash.AddField(CorrectionModeName(options.ladder.corrections));
  AddToHash(source, hash);
  return hash.HexDigest();
}

// What an earlier run left; nothing with another key, or if there is none.
std::optional<OrderCheckpoint> FindCheckpoint(const OrderOptions& options, const VitConfig& config,
                                              const std::string& key) {
  if (options.checkpoint.empty()) return std::nullopt;
  absl::StatusOr<OrderCheckpoint> read = ReadOrderCheckpoint(options.checkpoint, config);
  if (absl::IsNotFound(read.status())) return std::nullopt;
  if (read.ok() && read->key == key) return *std::move(read);
  Warn(options, absl::StrCat("starting anew: ",
                             read.ok() ? absl::StrCat(options.checkpoint,
                                                      " is of another model, options or images")
                                       : std::string(read.status().message())));
  return std::nullopt;
}

void Save(const OrderCheckpoint& checkpoint, const OrderOptions& options) {
  if (options.checkpoint.empty()) return;
  const absl::Status status = WriteOrderCheckpoint(checkpoint, options.checkpoint);
  if (!status.ok()) {
    Warn(options, absl::StrCat("what is done cannot be resumed: ", std::string(status.message())));
  }
}

// Order of importance within every half, and corrections at every keep count that a path may stop
// at. Releases the statistics of each half as it goes.
absl::StatusOr<UnitOrders> RankUnits(const VitWeights& weights, UnitStatistics statistics,
                                     const Ordering& ordering, CorrectionBuilder& corrections,
                                     const ProgressFn& progress) {
  const VitConfig& config = weights.config;
  UnitOrders orders(statistics.halves.size());
  for (size_t half = 0; half < orders.size(); ++half) {
    const HalfProblem problem = MakeHalfProblem(weights, statistics.halves[half], half);
    statistics.halves[half] = {};
    orders[half] = EliminationOrder(problem, IsMlpHalf(half) ? kChannelsAtOnce : 1);
    corrections.Add(
        half, problem, orders[half],
        IsMlpHalf(half) ? ChannelLevels(config, ordering) : HeadLevels(config, ordering));
    const double done = static_cast<double>(half + 1) / static_cast<double>(orders.size());
    if (progress && !progress({"elimination", done})) {
      return absl::CancelledError("ordering was stopped while ranking units");
    }
  }
  return orders;
}

// Sets the scores that say over all blocks when the path removes a unit: the number of that step,
// and between units of one step a fraction by their order; units that the path never removes
// follow. Without a path, what comes last within a block counts least.
void ScoreByPath(const UnitOrders& orders, Ordering& ordering) {
  const size_t hidden = ordering.hidden;
  const size_t heads = ordering.heads;
  ordering.mlp_scores.resize(ordering.blocks * hidden);
  ordering.head_scores.resize(ordering.blocks * heads);
  const auto score = [&](size_t half, size_t keep, size_t end, size_t step) {
    float* const scores = IsMlpHalf(half) ? ordering.mlp_scores.data() + BlockOfHalf(half) * hidden
                                          : ordering.head_scores.data() + BlockOfHalf(half) * heads;
    for (size_t i = keep; i < end; ++i) {
      const double fraction = static_cast<double>(end - 1 - i) / static_cast<double>(end - keep);
      scores[orders[half][i]] = static_cast<float>(static_cast<double>(step) + fraction);
    }
  };
  std::vector<size_t> left;
  for (const std::vector<int>& order : orders) left.push_back(order.size());
  for (size_t step = 0; step < ordering.path.size(); ++step) {
    const auto [structure, keep] = ordering.path[step];
    const size_t half = HalfOfStructure(structure, ordering.blocks);
    score(half, keep, left[half], step);
    left[half] = keep;
  }
  for (size_t half = 0; half < orders.size(); ++half) {
    score(half, 0, left[half], ordering.path.size());
  }
}

std::set<KeepStop> StopsOf(const std::vector<PathStep>& path) {
  std::set<KeepStop> stops;
  for (const PathStep& step : path) stops.insert({step.structure, step.keep});
  return stops;
}

// The first two stages: statistics and the ranking of units.
absl::Status Rank(const CalibrationRun& run, const ModelFolder& folder, const Ordering& ordering,
                  OrderCheckpoint& result) {
  ASSIGN_OR_RETURN(const VitWeights weights, ToFloat32(folder.weights));
  ASSIGN_OR_RETURN(UnitStatistics statistics, run.Statistics(weights, kStatistics));
  result.calibration_source = run.Describe(statistics);
  CorrectionBuilder corrections(folder.config);
  ASSIGN_OR_RETURN(result.unit_orders, Guard([&]() -> absl::StatusOr<UnitOrders> {
                     result.means = MeansOf(folder.config, statistics);
                     return RankUnits(weights, std::move(statistics), ordering, corrections,
                                      run.Progress(kElimination));
                   }));
  result.parts = corrections.parts();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Ordering> ComputeOrdering(const ModelFolder& folder, const std::string& fingerprint,
                                         const CalibrationSource& source,
                                         const OrderOptions& options, const ProgressFn& progress) {
  ASSIGN_OR_RETURN(const CalibrationRun run,
                   CalibrationRun::Create(folder, source, options, progress));
  const VitConfig& config = folder.config;
  Ordering ordering;
  ordering.blocks = config.depth;
  ordering.hidden = config.mlp_hidden;
  ordering.heads = config.num_heads;
  ordering.model_fingerprint = fingerprint;
  ordering.recipe = "default";
  ordering.seed = options.seed;

  const std::string key = CheckpointKey(fingerprint, source, options);
  std::optional<OrderCheckpoint> checkpoint = FindCheckpoint(options, config, key);
  if (!checkpoint.has_value()) {
    checkpoint.emplace().key = key;
    RETURN_IF_ERROR(Rank(run, folder, ordering, *checkpoint));
    Save(*checkpoint, options);
  }
  ordering.calibration_source = checkpoint->calibration_source;
  ordering.corrections = checkpoint->means;
  ScoreByPath(checkpoint->unit_orders, ordering);
  const CorrectionBuilder corrections(config, checkpoint->parts);
  if (checkpoint->path.empty()) {
    // The path is searched with every correction that it may stop at, bound by no memory.
    RETURN_IF_ERROR(Guard([&] { ordering.corrections.low_rank = corrections.All(); }));
    ASSIGN_OR_RETURN(checkpoint->path, run.Path(ordering, kPath));
    Save(*checkpoint, options);
  }
  ordering.path = checkpoint->path;
  ScoreByPath(checkpoint->unit_orders, ordering);
  RETURN_IF_ERROR(Guard(
      [&] { ordering.corrections.low_rank = corrections.WithinMemory(StopsOf(ordering.path)); }));
  ASSIGN_OR_RETURN(ordering.fidelity, run.Fidelity(ordering, kFidelity));
  return ordering;
}

}  // namespace snapvit
