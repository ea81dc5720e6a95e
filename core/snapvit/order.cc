#include "core/snapvit/order.h"

#include <ATen/ATen.h>

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

// The time that a stage has from `begin` of the whole to its end, by the plan: what the clock would
// say is never twice the same, and equal limits have to compare as equal.
absl::Duration TimeOf(Stage stage, double begin, absl::Duration limit) {
  return absl::Trunc((stage.end - begin) * limit, absl::Milliseconds(1));
}

// Whether stages that ended in an earlier run stand under this limit: whole, or cut short in no
// less time than there would be now, where none goes into the stages before them.
bool RankingStands(const StageTimes& times, absl::Duration limit) {
  return TimeOf(kStatistics, 0, limit) <= times.ranking;
}
bool PathStands(const StageTimes& times, absl::Duration limit) {
  return RankingStands(times, limit) && TimeOf(kPath, 0, limit) <= times.path;
}
bool FidelityStands(const StageTimes& times, absl::Duration limit) {
  return PathStands(times, limit) && TimeOf(kFidelity, 0, limit) <= times.fidelity;
}

// As it is kept in StageTimes.
absl::Duration TimeHad(bool cut_short, absl::Duration time) {
  return cut_short ? time : absl::InfiniteDuration();
}

// Units of each half, most important first.
using UnitOrders = std::vector<std::vector<int>>;

void Warn(const OrderOptions& options, const std::string& text) {
  if (options.warn) options.warn(text);
}

// Of everything that ranking and path depend on.
std::string CheckpointKey(const std::string& fingerprint, const CalibrationSource& source,
                          const OrderOptions& options) {
  Sha256 hash;
  hash.AddField("snapvit default ordering 2");
  hash.AddField(fingerprint);
  hash.AddField(absl::StrCat(options.images, " ", options.seed));
  hash.AddField(CorrectionModeName(options.ladder.corrections));
  AddToHash(source, hash);
  return hash.HexDigest();
}

// What an earlier run left; one without content if there is none, or it has another key.
OrderCheckpoint FindCheckpoint(const OrderOptions& options, const VitConfig& config,
                               const std::string& key) {
  if (options.checkpoint.empty()) return {};
  absl::StatusOr<OrderCheckpoint> read = ReadOrderCheckpoint(options.checkpoint, config);
  if (absl::IsNotFound(read.status())) return {};
  if (read.ok() && read->key == key) return *std::move(read);
  Warn(options, absl::StrCat("starting anew: ",
                             read.ok() ? absl::StrCat(options.checkpoint,
                                                      " is of another model, options or images")
                                       : std::string(read.status().message())));
  return {};
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
    ASSIGN_OR_RETURN(const HalfProblem problem,
                     MakeHalfProblem(weights, statistics.halves[half], half));
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
  result.times.ranking =
      TimeHad(statistics.cut_short, TimeOf(kStatistics, 0, run.options().time_limit));
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
                                         const OrderOptions& options, const ProgressFn& progress,
                                         bool* cut_short) {
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
  OrderCheckpoint checkpoint = FindCheckpoint(options, config, key);
  StageTimes& times = checkpoint.times;
  const absl::Duration limit = options.time_limit;
  const bool ranked = !checkpoint.unit_orders.empty() && RankingStands(times, limit);
  if (!ranked) {
    checkpoint = {.key = key, .ordering_id = checkpoint.ordering_id};
    RETURN_IF_ERROR(Rank(run, folder, ordering, checkpoint));
    Save(checkpoint, options);
  }
  ordering.calibration_source = checkpoint.calibration_source;
  ordering.corrections = checkpoint.means;
  ScoreByPath(checkpoint.unit_orders, ordering);
  const CorrectionBuilder corrections(config, checkpoint.parts);
  const bool found = ranked && !checkpoint.path.empty() && PathStands(times, limit);
  bool ended_by_time = false;
  if (!found) {
    // The path is searched with every correction that it may stop at, bound by no memory.
    RETURN_IF_ERROR(Guard([&] { ordering.corrections.low_rank = corrections.All(); }));
    ASSIGN_OR_RETURN(checkpoint.path, run.Path(ordering, kPath, &ended_by_time));
    times.path = TimeHad(ended_by_time, TimeOf(kPath, ranked ? 0 : kPath.begin, limit));
    times.fidelity = absl::ZeroDuration();
    Save(checkpoint, options);
  }
  ordering.path = checkpoint.path;
  ScoreByPath(checkpoint.unit_orders, ordering);
  RETURN_IF_ERROR(Guard(
      [&] { ordering.corrections.low_rank = corrections.WithinMemory(StopsOf(ordering.path)); }));
  ASSIGN_OR_RETURN(ordering.fidelity, run.Fidelity(ordering, kFidelity, &ended_by_time));
  times.fidelity = TimeHad(ended_by_time, TimeOf(kFidelity, found ? 0 : kFidelity.begin, limit));
  if (times.cut_short()) {
    checkpoint.ordering_id = ordering.Id();
    Save(checkpoint, options);
  }
  if (cut_short != nullptr) *cut_short = times.cut_short();
  return ordering;
}

bool CanGoOn(const std::string& checkpoint, const Ordering& ordering, absl::Duration time_limit) {
  const absl::StatusOr<OrderProgress> progress = ReadOrderProgress(checkpoint);
  return progress.ok() && progress->ordering_id == ordering.Id() &&
         !FidelityStands(progress->times, time_limit);
}

}  // namespace snapvit
