// SimulatedBackend: a scheduler Backend that lets batches take the time of a latency table and
// answers with results that depend on the image alone.
#ifndef SNAPVIT_SERVER_SIMULATED_BACKEND_H_
#define SNAPVIT_SERVER_SIMULATED_BACKEND_H_

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/scheduling/backend.h"
#include "core/scheduling/latency_table.h"

namespace snapvit {

// Thread-safe as Backend asks. Every task that it gets must be an ImageTask.
class SimulatedBackend final : public Backend {
 public:
  struct Options {
    LatencyTable latency;
    int workers = 1;
    int embedding_size = 384;
    int classes = 0;
    double jitter = 0;  // standard deviation of a batch's time, as a share of it
    const Clock* clock = Clock::Monotonic();
    // Returns at this time of the clock; the default sleeps, and spins at the end. Any thread.
    std::function<void(absl::Time)> wait_until = {};
    // From the start of the first batch: the last worker takes none after that. Nothing: it stays.
    std::optional<absl::Duration> last_worker_stops_after = std::nullopt;
  };

  // REQUIRES: the counts are positive (classes: not negative), 0 <= jitter <= 1.
  explicit SimulatedBackend(Options options);

  // Called first on each thread that runs batches: makes its sleeps precise.
  void StartWorker(int worker);

  // One run for each rung in the batch, one after the other, as an engine does.
  void Run(int worker, std::span<const Assignment> batch,
           std::span<absl::Status> statuses) override;
  bool Usable(int worker) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Duration BatchTime(int worker, std::span<const Assignment> batch);

  const Options options_;
  // Of each worker's jitter; its thread alone uses it.
  std::vector<Random> randoms_;

  absl::Mutex mu_;
  std::optional<absl::Time> first_batch_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SIMULATED_BACKEND_H_
