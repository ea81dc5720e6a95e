// ModelHost: brings the model up: checkpoint, ordering, warm-up, and hands the finished snapshot to
// the services.
#ifndef SNAPVIT_SERVER_MODEL_HOST_H_
#define SNAPVIT_SERVER_MODEL_HOST_H_

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/elastic/budget.h"
#include "core/engine/engine.h"
#include "core/engine/profile.h"
#include "core/snapvit/elastic_loader.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/serving_state.h"

namespace snapvit {

// Load() runs once, on a thread of its own, which becomes one that computes; Stop() comes from any
// thread.
class ModelHost {
 public:
  struct Options {
    ElasticLoaderOptions loader;
    OrderAtStart order_at_start = OrderAtStart::kWait;
    WarmupMode warmup = WarmupMode::kFast;
    std::optional<FloorTarget> floor;
  };

  // All are borrowed.
  ModelHost(Options options, const Engine* engine, ServingState* state, Metrics* metrics,
            const Logger* log)
      : options_(std::move(options)),
        engine_(*engine),
        state_(*state),
        metrics_(*metrics),
        log_(*log) {}

  // Loads the model, finds or computes its ordering, measures the profile, and sets the model and
  // the phases of the serving state on the way. Blocks until the model is ready. The error, which
  // names the file, is one that the server cannot go on with: unreadable checkpoint, explicit
  // ordering that does not fit. CANCELLED after Stop().
  absl::Status Load();

  // Ends Load() at its next step.
  void Stop() { stopped_ = true; }

 private:
  // Ordering and ladder from the cache, or from a computation. Nothing: dense only.
  absl::StatusOr<std::optional<Ordering>> GetOrdering(const ElasticLoader& loader);
  absl::StatusOr<std::optional<Ordering>> ComputeOrdering(const ElasticLoader& loader);
  // Serves the model with this ordering from now on.
  absl::Status Serve(const ElasticLoader& loader, std::optional<Ordering> ordering);
  absl::StatusOr<std::vector<ProfileCell>> WarmUp(std::shared_ptr<const ElasticModel> model);

  // Progress of a phase: into the serving state, and every few seconds into the log.
  ProgressFn Progress(Phase phase);

  const Options options_;
  const Engine& engine_;
  ServingState& state_;
  Metrics& metrics_;
  const Logger& log_;

  std::atomic<bool> stopped_ = false;
  uint64_t generation_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_MODEL_HOST_H_
