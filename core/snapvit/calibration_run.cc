#include "core/snapvit/calibration_run.h"

#include "absl/strings/str_cat.h"
#include "core/snapvit/fidelity.h"
#include "core/snapvit/greedy_path.h"

namespace snapvit {

absl::StatusOr<CalibrationRun> CalibrationRun::Create(const ModelFolder& folder,
                                                      const CalibrationSource& source,
                                                      const OrderOptions& options,
                                                      const ProgressFn& progress) {
  if (source.size() < kFewestCalibrationImages) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.Describe(), " has ", source.size(), " images, expected at least ",
        kFewestCalibrationImages, ": for statistics, for the budget path, to measure fidelity"));
  }
  if (options.images < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("statistics of ", options.images, " images, expected at least 2"));
  }
  return CalibrationRun(folder, source, options, progress);
}

CalibrationRun::CalibrationRun(const ModelFolder& folder, const CalibrationSource& source,
                               const OrderOptions& options, const ProgressFn& progress)
    : folder_(&folder),
      source_(&source),
      options_(&options),
      progress_(&progress),
      start_(options.clock->Now()),
      split_(SplitCalibration(source.size(), options.images)) {}

absl::StatusOr<UnitStatistics> CalibrationRun::Statistics(const VitWeights& weights,
                                                          Stage stage) const {
  UnitStatisticsOptions options;
  options.images = split_.statistics;
  options.seed = options_->seed;
  options.clock = options_->clock;
  options.stop_at = StopAt(stage);
  return ComputeUnitStatistics(weights, folder_->preprocessing, *source_, options, Progress(stage));
}

absl::StatusOr<std::vector<PathStep>> CalibrationRun::Path(const Ordering& ordering, Stage stage,
                                                           bool* cut_short) const {
  GreedyPathOptions options;
  options.first_image = split_.statistics;
  options.images = split_.path;
  options.corrections = options_->ladder.corrections;
  options.dtype = options_->search_dtype;
  options.clock = options_->clock;
  options.stop_at = StopAt(stage);
  return GreedyPath(*folder_, ordering, *source_, options, Progress(stage), cut_short);
}

absl::StatusOr<FidelityCurve> CalibrationRun::Fidelity(const Ordering& ordering, Stage stage,
                                                       bool* cut_short) const {
  ElasticModel::Options model;
  model.ladder = options_->ladder;
  model.dtype = options_->dtype;
  FidelityOptions options;
  options.first_image = split_.statistics + split_.path;
  options.images = split_.held_out;
  options.clock = options_->clock;
  options.stop_at = StopAt(stage);
  return MeasureFidelity(*folder_, ordering, model, *source_, options, Progress(stage), cut_short);
}

std::string CalibrationRun::Describe(const UnitStatistics& statistics) const {
  return absl::StrCat(source_->Describe(), ", ", statistics.images, " images");
}

}  // namespace snapvit
