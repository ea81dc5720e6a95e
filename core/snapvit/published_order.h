// ComputePublishedOrdering: the published recipe of SnapViT. Gradient scores with collapsed views,
// then a seeded search for the multipliers of every block's MLP and of every head that hurt the
// embeddings least over four pairs of pruning ratios; scores = raw × |multiplier|. Budgets follow
// the published curve of ratio pairs.
#ifndef SNAPVIT_CORE_SNAPVIT_PUBLISHED_ORDER_H_
#define SNAPVIT_CORE_SNAPVIT_PUBLISHED_ORDER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/progress.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/ordering.h"
#include "core/model/model_folder.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

// One evaluation of the search.
struct SearchStep {
  int evaluation = 0;       // from 1 on
  double seconds = 0;       // of search until after it, earlier runs included
  double best_fitness = 0;  // of all evaluations so far
};

struct PublishedOrderOptions {
  // Images for gradients; as many again from behind them are for the fitness, a third of that
  // measures fidelity. With a smaller source all shrink in proportion, so that no two of them share
  // an image.
  size_t images = 1000;
  int evaluations = 50;  // 0: the gradient scores as they are
  uint64_t seed = 42;
  // Wall time for everything; when it is up, the search ends with the best so far. One candidate is
  // evaluated in any case, if any is to be.
  absl::Duration time_limit = absl::InfiniteDuration();
  // Written after every evaluation, and read at the start: a search with the same model, options
  // (but for the time limit) and images goes on where the file ends. Never deleted here. Empty:
  // none.
  std::string checkpoint;
  ExecutionDtype dtype = ExecutionDtype::kFloat32;  // that fidelity is measured in
  // Of the products in the search; not kInt8. Everything else is in f32 or f64.
  ExecutionDtype search_dtype = ExecutionDtype::kFloat32;
  LadderOptions ladder;
  const Clock* clock = Clock::Monotonic();
  // Called after every evaluation, also for those that are replayed from a checkpoint; may be
  // empty.
  std::function<void(const SearchStep&)> on_step;
  // For people: a checkpoint that is ignored, or cannot be written. May be empty.
  std::function<void(const std::string&)> warn;
};

// Images that a source needs for PublishedOrderOptions::images.
size_t PublishedCalibrationImagesFor(size_t gradient_images);

// `fingerprint` goes into the ordering. The stage of progress in the search says which evaluation
// of how many it is, and the best fitness so far. Deterministic for a seed, source and machine
// unless time runs out; also over interruptions. CANCELLED if `progress` asks to stop. Memory: an
// f32 copy of the weights, the gradients of fc1 and qkv, GradientScoresOptions::activation_bytes;
// then the patch embeddings of all images of the fitness. REQUIRES: the calling thread may use
// ATen.
absl::StatusOr<Ordering> ComputePublishedOrdering(const ModelFolder& folder,
                                                  const std::string& fingerprint,
                                                  const CalibrationSource& source,
                                                  const PublishedOrderOptions& options,
                                                  const ProgressFn& progress);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_PUBLISHED_ORDER_H_
