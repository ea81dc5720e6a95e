// What a batch is expected to take: the profile, corrected by what batches took.
#ifndef SNAPVIT_CORE_SCHEDULING_LATENCY_MODEL_H_
#define SNAPVIT_CORE_SCHEDULING_LATENCY_MODEL_H_

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "core/scheduling/latency_table.h"

namespace snapvit {

// Times in seconds: decisions look up hundreds of them. Latencies drift (frequency, neighbours on
// the machine), so that one factor for the whole profile follows them; so does their spread, from
// which a safe time is made. Thread-compatible.
class LatencyModel {
 public:
  // REQUIRES: max_batch >= 1.
  LatencyModel(std::shared_ptr<const LatencyTable> table, int max_batch);

  const std::shared_ptr<const LatencyTable>& table() const { return table_; }
  int rungs() const { return rungs_; }
  int max_batch() const { return max_batch_; }

  // REQUIRES: 0 <= rung < rungs(), 1 <= batch <= max_batch().
  double BatchTime(int rung, int batch) const {
    return profile_[static_cast<size_t>(rung) * max_batch_ + batch - 1] * factor_;
  }
  // What few batches exceed.
  double SafeBatchTime(int rung, int batch) const { return BatchTime(rung, batch) * safety_; }

  // A batch that was expected to take `expected` seconds took `taken`.
  void Observe(double expected, double taken);
  // Observed ÷ profiled time at present.
  double factor() const { return factor_; }

  // Profiled seconds of one task by rung (times factor() are the expected ones), in the best batch
  // that is expected to take no longer than `longest`, to 3 %; of a batch of one, if even that
  // takes longer. Not falling with the rung. The reference stays valid.
  const std::vector<double>& TaskTimes(double longest);

 private:
  const std::shared_ptr<const LatencyTable> table_;
  const int rungs_;
  const int max_batch_;
  std::vector<double> profile_;                  // [rung][batch - 1], seconds
  std::vector<std::vector<double>> task_times_;  // by level of `longest`, made when asked for
  double factor_ = 1;
  double spread_ = 0;  // mean |taken / expected - 1|
  double safety_ = 1;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_LATENCY_MODEL_H_
