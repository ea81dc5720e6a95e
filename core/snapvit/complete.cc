#include "core/snapvit/complete.h"

#include <ATen/ATen.h>

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/ladder.h"
#include "core/elastic/structure.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/calibration_run.h"
#include "core/snapvit/correction_builder.h"

namespace snapvit {
namespace {

constexpr Stage kStatistics = {0, 0.5};
constexpr Stage kCorrections = {0.5, 0.7};
constexpr Stage kFidelity = {0.7, 1};

// A rung's compute contains its corrections, so that with them it stops a little further down the
// path than without, where other corrections are needed. Every round leaves about a third of the
// stops behind that the round before did.
constexpr int kMostRounds = 4;

bool LacksCorrections(const Ordering& ordering, CorrectionMode mode) {
  return mode != CorrectionMode::kNone && ordering.corrections.empty();
}

std::set<KeepStop> StopsOf(const Ladder& ladder, const VitConfig& config) {
  const KeepCounts dense = KeepCounts::Dense(config);
  std::set<KeepStop> stops;
  for (const Rung& rung : ladder.rungs()) {
    for (int structure = 0; structure < 2 * config.depth; ++structure) {
      const int keep = UnitsOf(rung.keep, structure);
      if (keep < UnitsOf(dense, structure)) stops.insert({structure, keep});
    }
  }
  return stops;
}

// Low-rank corrections where the rungs of a ladder stop.
class LadderCorrections {
 public:
  LadderCorrections(const CalibrationRun& run, const VitWeights& weights,
                    const UnitStatistics& statistics, Ordering& ordering)
      : run_(run),
        weights_(weights),
        statistics_(statistics),
        ranking_(ordering),
        ordering_(ordering),
        builder_(run.config()) {}

  absl::Status Run() {
    const ProgressFn progress = run_.Progress(kCorrections);
    std::set<KeepStop> stops;
    for (int round = 0; round < kMostRounds; ++round) {
      ASSIGN_OR_RETURN(const Ladder ladder,
                       Ladder::Create(run_.config(), &ordering_, run_.options().ladder));
      std::set<KeepStop> wanted = StopsOf(ladder, run_.config());
      if (wanted == stops) break;
      stops = std::move(wanted);
      RETURN_IF_ERROR(AddMissing(
          stops, PartOf(progress, 1.0 * round / kMostRounds, (round + 1.0) / kMostRounds)));
      ordering_.corrections.low_rank = builder_.WithinMemory(stops);
      if (run_.options().clock->Now() >= run_.StopAt(kCorrections)) break;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status AddMissing(const std::set<KeepStop>& stops, const ProgressFn& progress) {
    const size_t halves = statistics_.halves.size();
    for (size_t half = 0; half < halves; ++half) {
      std::vector<int> keeps;
      for (const KeepStop& stop : stops) {
        if (HalfOfStructure(stop.first, run_.config().depth) == half && !builder_.Has(stop)) {
          keeps.push_back(stop.second);
        }
      }
      const size_t block = BlockOfHalf(half);
      if (!keeps.empty()) {
        ASSIGN_OR_RETURN(const HalfProblem problem,
                         MakeHalfProblem(weights_, statistics_.halves[half], half));
        builder_.Add(half, problem,
                     IsMlpHalf(half) ? ranking_.channels(block) : ranking_.heads(block), keeps);
      }
      const double done = static_cast<double>(half + 1) / static_cast<double>(halves);
      if (progress && !progress({"corrections", done})) {
        return absl::CancelledError("completing the ordering was stopped at its corrections");
      }
    }
    return absl::OkStatus();
  }

  const CalibrationRun& run_;
  const VitWeights& weights_;
  const UnitStatistics& statistics_;
  const UnitRanking ranking_;
  Ordering& ordering_;
  CorrectionBuilder builder_;
};

absl::Status AddCorrections(const CalibrationRun& run, const ModelFolder& folder,
                            Ordering& ordering) {
  ASSIGN_OR_RETURN(const VitWeights weights, ToFloat32(folder.weights));
  ASSIGN_OR_RETURN(const UnitStatistics statistics, run.Statistics(weights, kStatistics));
  absl::StrAppend(&ordering.calibration_source, "; corrections from ", run.Describe(statistics));
  return Guard([&]() -> absl::Status {
    ordering.corrections = MeansOf(run.config(), statistics);
    if (run.options().ladder.corrections != CorrectionMode::kFull) return absl::OkStatus();
    return LadderCorrections(run, weights, statistics, ordering).Run();
  });
}

}  // namespace

bool IsComplete(const Ordering& ordering, CorrectionMode mode) {
  return !LacksCorrections(ordering, mode) && !ordering.fidelity.empty();
}

absl::StatusOr<Ordering> CompleteOrdering(const ModelFolder& folder, const std::string& fingerprint,
                                          Ordering ordering, const CalibrationSource& source,
                                          const OrderOptions& options, const ProgressFn& progress) {
  ASSIGN_OR_RETURN(const CalibrationRun run,
                   CalibrationRun::Create(folder, source, options, progress));
  ordering.model_fingerprint = fingerprint;
  const bool lacks_corrections = LacksCorrections(ordering, options.ladder.corrections);
  if (lacks_corrections) RETURN_IF_ERROR(AddCorrections(run, folder, ordering));
  if (lacks_corrections || ordering.fidelity.empty()) {
    absl::StrAppend(&ordering.calibration_source, "; fidelity from ", source.Describe());
    ASSIGN_OR_RETURN(ordering.fidelity, run.Fidelity(ordering, kFidelity));
  }
  return ordering;
}

}  // namespace snapvit
