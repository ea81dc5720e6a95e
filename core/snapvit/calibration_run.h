// CalibrationRun: one pass through a calibration source, which divides its images, its time and its
// progress among the steps of making an ordering.
#ifndef SNAPVIT_CORE_SNAPVIT_CALIBRATION_RUN_H_
#define SNAPVIT_CORE_SNAPVIT_CALIBRATION_RUN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/progress.h"
#include "core/elastic/ordering.h"
#include "core/model/model_folder.h"
#include "core/model/vit_weights.h"
#include "core/snapvit/calibration.h"
#include "core/snapvit/order.h"
#include "core/snapvit/unit_statistics.h"

namespace snapvit {

// Part of the time and of the progress of the whole, [0, 1].
struct Stage {
  double begin = 0;
  double end = 1;
};

// Borrows everything that it is created with. Thread-compatible. Methods use ATen and give
// CANCELLED if the progress asks to stop.
class CalibrationRun {
 public:
  // The clock starts here. INVALID_ARGUMENT if the source has fewer than kFewestCalibrationImages,
  // or statistics are to be taken of fewer than 2.
  static absl::StatusOr<CalibrationRun> Create(const ModelFolder& folder,
                                               const CalibrationSource& source,
                                               const OrderOptions& options,
                                               const ProgressFn& progress);

  const VitConfig& config() const { return folder_->config; }
  const OrderOptions& options() const { return *options_; }

  // Progress of a stage as that of the whole.
  ProgressFn Progress(Stage stage) const { return PartOf(*progress_, stage.begin, stage.end); }
  absl::Time StopAt(Stage stage) const { return start_ + stage.end * options_->time_limit; }

  // Each on images of its own. `weights` in f32. `cut_short` as in GreedyPath and MeasureFidelity.
  absl::StatusOr<UnitStatistics> Statistics(const VitWeights& weights, Stage stage) const;
  absl::StatusOr<std::vector<PathStep>> Path(const Ordering& ordering, Stage stage,
                                             bool* cut_short = nullptr) const;
  absl::StatusOr<FidelityCurve> Fidelity(const Ordering& ordering, Stage stage,
                                         bool* cut_short = nullptr) const;

  // For people: where the statistics come from.
  std::string Describe(const UnitStatistics& statistics) const;

 private:
  CalibrationRun(const ModelFolder& folder, const CalibrationSource& source,
                 const OrderOptions& options, const ProgressFn& progress);

  const ModelFolder* folder_;
  const CalibrationSource* source_;
  const OrderOptions* options_;
  const ProgressFn* progress_;
  absl::Time start_;
  CalibrationSplit split_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_CALIBRATION_RUN_H_
