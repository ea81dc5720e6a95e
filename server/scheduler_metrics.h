// SchedulerMetrics: what the scheduler and its workers do, as metrics.
#ifndef SNAPVIT_SERVER_SCHEDULER_METRICS_H_
#define SNAPVIT_SERVER_SCHEDULER_METRICS_H_

#include <vector>

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/scheduling/executor.h"
#include "core/scheduling/observer.h"
#include "server/latency_window.h"
#include "server/metrics.h"
#include "server/rate_window.h"
#include "server/serving_state.h"

namespace snapvit {

// Counts batches as they end; reads the gauges when they are scraped. Thread-safe.
class SchedulerMetrics final : public Observer {
 public:
  // All are borrowed.
  SchedulerMetrics(const Clock* clock, const ServingState* state, Metrics* metrics)
      : clock_(*clock), state_(*state), metrics_(*metrics) {}

  void OnBatchFinished(const BatchRecord& record) override;

  // Remembers the totals that the rates of the last seconds are taken from. Call it every second.
  void Sample(const Executor& executor);
  GaugeValues Gauges(const Executor& executor, int workers) const;
  // Of the requests of the last latency_window().
  std::vector<LatencyQuantiles> RecentLatencies() const;
  absl::Duration latency_window() const { return latency_.window(); }

 private:
  const Clock& clock_;
  const ServingState& state_;
  Metrics& metrics_;
  RateWindow busy_{absl::Seconds(10)};
  RateWindow demand_{absl::Seconds(10)};
  LatencyWindow latency_{absl::Minutes(1)};
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SCHEDULER_METRICS_H_
