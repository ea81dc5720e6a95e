// The profiled time of a batch at every rung: what costs, slack, admission and retry hints are
// computed from.
#ifndef SNAPVIT_CORE_SCHEDULING_LATENCY_TABLE_H_
#define SNAPVIT_CORE_SCHEDULING_LATENCY_TABLE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace snapvit {

// Immutable, so safe to share between threads; a new profile is a new table, which the tasks
// submitted from then on carry.
class LatencyTable {
 public:
  // `batches`: measured batch sizes, ascending, from 1 on. `times[rung][i]`: time of a batch of
  // batches[i] tasks on one worker. INVALID_ARGUMENT names the cell that is not positive and
  // finite, or the row of the wrong length.
  static absl::StatusOr<LatencyTable> Create(std::vector<int> batches,
                                             std::vector<std::vector<absl::Duration>> times);

  int rungs() const { return static_cast<int>(times_.size()); }
  int largest_batch() const { return batches_.back(); }

  // Time of one batch: linear between the measured sizes, at the largest one's time per task beyond
  // it. REQUIRES: 0 <= rung < rungs(), batch >= 1.
  absl::Duration BatchTime(int rung, int batch) const;

  // Engine time of one task in the best of the measured batches. REQUIRES: 0 <= rung < rungs().
  absl::Duration TaskTime(int rung) const { return task_times_[rung]; }

 private:
  LatencyTable(std::vector<int> batches, std::vector<std::vector<absl::Duration>> times);

  std::vector<int> batches_;
  std::vector<std::vector<absl::Duration>> times_;
  std::vector<absl::Duration> task_times_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_LATENCY_TABLE_H_
