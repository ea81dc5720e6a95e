// Fidelity: how close a rung's embeddings are to the dense model's, on images that chose nothing.
#ifndef SNAPVIT_CORE_SNAPVIT_FIDELITY_H_
#define SNAPVIT_CORE_SNAPVIT_FIDELITY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/progress.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/ordering.h"
#include "core/model/model_folder.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

struct FidelityOptions {
  size_t first_image = 0;  // of the source: those before it were used by gradients or search
  size_t images = 128;     // clamped to what the source has from there on
  int points = 16;         // rungs that are measured, evenly spread over the ladder, dense included
  // When time is up the images so far count; at least two batches are always done.
  absl::Time stop_at = absl::InfiniteFuture();
  const Clock* clock = Clock::Monotonic();
};

// Mean over images of the cosine between the embeddings of a rung and of the dense model, after
// subtracting the dense mean from both (a raw cosine stays high while neighbours change); default
// pooling, execution dtype; standard errors of the means; neighbour overlap@10
// (NeighbourOverlap; empty with fewer than 12 images); top-1 agreement if there is a classifier.
// `cut_short`, if given, becomes whether time was up before all images were measured. Fidelity is
// made monotone by isotonic regression. CANCELLED if `progress` asks to stop;
// FAILED_PRECONDITION with fewer than two images that can be read, or if all embed alike: after
// subtracting the mean nothing would be left.
absl::StatusOr<FidelityCurve> MeasureFidelity(const ElasticModel& model,
                                              const CalibrationSource& source,
                                              const FidelityOptions& options,
                                              const ProgressFn& progress,
                                              bool* cut_short = nullptr);

// The same of the model that `folder` and `ordering` make.
absl::StatusOr<FidelityCurve> MeasureFidelity(const ModelFolder& folder, const Ordering& ordering,
                                              const ElasticModel::Options& model_options,
                                              const CalibrationSource& source,
                                              const FidelityOptions& options,
                                              const ProgressFn& progress,
                                              bool* cut_short = nullptr);

// Least-squares non-decreasing fit (pool adjacent violators), in place.
void MakeNonDecreasing(std::vector<float>& values);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_FIDELITY_H_
