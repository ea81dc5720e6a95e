// ModelHost: brings the model up: checkpoint, ordering, warm-up, and hands the finished snapshot to
// the services; later the same with another ordering.
#ifndef SNAPVIT_SERVER_MODEL_HOST_H_
#define SNAPVIT_SERVER_MODEL_HOST_H_

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/elastic/budget.h"
#include "core/engine/engine.h"
#include "core/engine/profile.h"
#include "core/snapvit/elastic_loader.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/ordering_switch.h"
#include "server/serving_state.h"

namespace snapvit {

// Run() runs once, on a thread of its own, which becomes one that computes; the other methods come
// from any thread.
class ModelHost {
 public:
  struct Options {
    ElasticLoaderOptions loader;
    OrderAtStart order_at_start = OrderAtStart::kWait;
    WarmupMode warmup = WarmupMode::kFast;
    std::optional<FloorTarget> floor;
    int max_batch = 1;  // images computed together, of those that the warm-up measures
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
  // the phases of the serving state on the way. Then takes orderings over, one after the other,
  // until Stop(). The error, which names the file, is one that the server cannot go on with:
  // unreadable checkpoint, explicit ordering that does not fit. Once a model is served there is
  // none: an ordering that fails in the background is logged, and what is served stays. CANCELLED:
  // stopped while it loaded.
  absl::Status Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Has Run() load the ordering in `path` (empty: looked up as at start) beside the one that is
  // served, and serve by it from then on; requests under way keep theirs. Does not block. Calls
  // `done` once, on any thread: NOT_FOUND (file), FAILED_PRECONDITION (damaged, or of another
  // model), UNAVAILABLE (Run() has ended).
  void ReloadOrdering(const std::string& path, OrderingDone done) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends Run() at its next step.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Reload {
    std::string path;
    OrderingDone done;
  };

  absl::Status Load();
  void ServeReloads() ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<OrderingSwitch> SwitchOrdering(const std::string& path);
  // Takes no more reloads, and refuses those that wait.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

  // Finds the ordering, or computes what it lacks, and serves the model with it; in the background
  // the dense one before that.
  absl::Status ServeFirst(const ElasticLoader& loader);
  // The ordering of a file. Nothing: there is none.
  absl::StatusOr<std::optional<Ordering>> FindOrdering(const ElasticLoader& loader) const;
  // With `incomplete`, only what that lacks is computed.
  absl::Status OrderAndServe(const ElasticLoader& loader,
                             const std::optional<Ordering>& incomplete);
  absl::StatusOr<Ordering> ComputeOrdering(const ElasticLoader& loader,
                                           const std::optional<Ordering>& incomplete);
  // Serves the model with this ordering from now on.
  absl::StatusOr<OrderingSwitch> Serve(const ElasticLoader& loader,
                                       std::optional<Ordering> ordering);
  void LogGraphs(const ElasticModel& model) const;
  absl::StatusOr<std::vector<ProfileCell>> WarmUp(const ElasticLoader& loader,
                                                  std::shared_ptr<const ElasticModel> model);

  // Progress of a phase: into the serving state (a ready server stays ready), and every few seconds
  // into the log.
  ProgressFn Progress(Phase phase);

  const Options options_;
  const Engine& engine_;
  ServingState& state_;
  Metrics& metrics_;
  const Logger& log_;

  std::atomic<bool> stopped_ = false;
  uint64_t generation_ = 0;  // of the last model that was served

  absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<Reload> reloads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_MODEL_HOST_H_
