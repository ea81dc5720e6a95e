// GaugeSet: the gauges of one metric, of which there are as many as what they are about.
#ifndef SNAPVIT_SERVER_GAUGE_SET_H_
#define SNAPVIT_SERVER_GAUGE_SET_H_

#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/labels.h>

#include <map>
#include <span>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace snapvit {

// Thread-safe. The family is borrowed.
class GaugeSet {
 public:
  explicit GaugeSet(prometheus::Family<prometheus::Gauge>& family) : family_(family) {}

  // These gauges and no others from now on.
  void Set(std::span<const std::pair<prometheus::Labels, double>> gauges) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    std::map<prometheus::Labels, prometheus::Gauge*> old = std::exchange(gauges_, {});
    for (const auto& [labels, value] : gauges) {
      prometheus::Gauge& gauge = family_.Add(labels);  // the one that is there, if there is one
      gauge.Set(value);
      gauges_[labels] = &gauge;
      old.erase(labels);
    }
    for (const auto& [labels, gauge] : old) family_.Remove(gauge);
  }

 private:
  prometheus::Family<prometheus::Gauge>& family_;
  absl::Mutex mu_;
  std::map<prometheus::Labels, prometheus::Gauge*> gauges_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_GAUGE_SET_H_
