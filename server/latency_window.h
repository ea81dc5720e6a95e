// LatencyWindow: how long requests of each budget level took over the last seconds, from histograms
// that only grow.
#ifndef SNAPVIT_SERVER_LATENCY_WINDOW_H_
#define SNAPVIT_SERVER_LATENCY_WINDOW_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace snapvit {

struct LatencyBucket {
  double bound_seconds = 0;  // infinity in the last one
  uint64_t at_most = 0;      // requests since the start that took no longer
};

// Requests of one budget level since the start; bounds rise and are the same at all times.
struct LatencyTotals {
  std::string budget;
  std::vector<LatencyBucket> buckets;
};

struct LatencyQuantiles {
  std::string budget;
  uint64_t requests = 0;  // of the window, > 0
  double p50_seconds = 0;
  double p99_seconds = 0;
};

// Thread-safe.
class LatencyWindow {
 public:
  explicit LatencyWindow(absl::Duration window) : window_(window) {}

  // Remembers the totals of `now`. As with RateWindow, a window begins at the newest sample that is
  // at least as old as it is long.
  void Sample(absl::Time now, std::vector<LatencyTotals> totals) ABSL_LOCKS_EXCLUDED(mu_);

  // Of the requests up to now, at which the totals are `totals`; levels without any are left out.
  // Between bounds quantiles are linear, as Prometheus' histogram_quantile has them; above the last
  // one they are that bound.
  std::vector<LatencyQuantiles> Quantiles(std::vector<LatencyTotals> totals) const
      ABSL_LOCKS_EXCLUDED(mu_);

  absl::Duration window() const { return window_; }

 private:
  const absl::Duration window_;
  mutable absl::Mutex mu_;
  std::deque<std::pair<absl::Time, std::vector<LatencyTotals>>> samples_
      ABSL_GUARDED_BY(mu_);  // oldest first
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_LATENCY_WINDOW_H_
