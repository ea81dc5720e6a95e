#include "server/scheduler_metrics.h"

namespace snapvit {

void SchedulerMetrics::OnBatchFinished(const BatchRecord& record) {
  metrics_.RecordBatch(record.batch.size(), record.compute_time);
}

void SchedulerMetrics::Sample(const Executor& executor) {
  const absl::Time now = clock_.Now();
  busy_.Sample(now, absl::ToDoubleSeconds(executor.Stats().busy_time));
  demand_.Sample(now, metrics_.demand_seconds());
  latency_.Sample(now, metrics_.RequestLatencies());
}

std::vector<LatencyQuantiles> SchedulerMetrics::RecentLatencies() const {
  return latency_.Quantiles(metrics_.RequestLatencies());
}

GaugeValues SchedulerMetrics::Gauges(const Executor& executor, int workers) const {
  const absl::Time now = clock_.Now();
  const SchedulerStats stats = executor.Stats();
  GaugeValues values;
  values.queue_items = static_cast<double>(stats.queued.items);
  values.queue_bytes = static_cast<double>(stats.queued.bytes);
  values.queue_seconds = absl::ToDoubleSeconds(stats.queued.engine_time);
  values.workers = workers;
  values.utilization = busy_.Rate(now, absl::ToDoubleSeconds(stats.busy_time)) / workers;
  values.demand_ratio = demand_.Rate(now, metrics_.demand_seconds()) / workers;
  values.ready = state_.Get().serving();
  return values;
}

}  // namespace snapvit
