// Profiling: how long each rung takes at each batch size on this machine. Doubles as the engine's
// warm-up.
#ifndef SNAPVIT_CORE_ENGINE_PROFILE_H_
#define SNAPVIT_CORE_ENGINE_PROFILE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/progress.h"
#include "core/elastic/elastic_model.h"
#include "core/engine/engine.h"

namespace snapvit {

struct ProfileOptions {
  std::vector<int> rungs;                   // empty: all of the ladder
  std::vector<int> batches = {1, 2, 4, 8};  // images per batch, ascending
  int repetitions = 5;  // timed runs of a cell, after one (on a GPU two) that is not; at least 1
  absl::Duration time_limit =
      absl::InfiniteDuration();  // past it, remaining cells get one run each, on a GPU three
  const Clock* clock = Clock::Monotonic();
};

// The time of one batch: preprocessed pixels in, embeddings (and logits, if there is a classifier)
// out.
struct ProfileCell {
  int rung = 0;
  int batch = 0;
  absl::Duration min;
  absl::Duration p50;
  absl::Duration p95;  // the slowest run, below twenty repetitions
};

// Cells by rung, then batch. Runs on the calling thread, which must have called
// Engine::StartWorker. Rounds over all cells are interleaved, so that a slow moment of a shared
// machine hits all cells alike. CANCELLED if `progress` asks to stop.
absl::StatusOr<std::vector<ProfileCell>> ProfileEngine(const Engine& engine,
                                                       std::shared_ptr<const ElasticModel> model,
                                                       const ProfileOptions& options,
                                                       const ProgressFn& progress);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ENGINE_PROFILE_H_
