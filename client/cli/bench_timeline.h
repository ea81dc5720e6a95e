// BenchTimeline: a load over time, in bins that widen as the load goes on.
#ifndef SNAPVIT_CLIENT_CLI_BENCH_TIMELINE_H_
#define SNAPVIT_CLIENT_CLI_BENCH_TIMELINE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "core/load/load_record.h"

namespace snapvit::cli {

// Not thread-safe. Times are from the start of the load. Memory is bounded, however long it takes.
class BenchTimeline {
 public:
  // Of one stream in one bin.
  struct Cell {
    uint64_t offered = 0;             // requests meant to be sent in the bin
    uint64_t answered = 0;            // replies, good ones, that came in the bin
    LoadRecord record{kLatencyBits};  // of the requests meant to be sent in the bin
  };

  explicit BenchTimeline(size_t streams) : streams_(streams) {}

  void AddSent(size_t stream, absl::Duration intended);
  void AddOutcome(size_t stream, absl::Duration intended, const RequestOutcome& outcome);

  absl::Duration width() const { return width_; }
  size_t bins() const { return bins_.size(); }
  const Cell& cell(size_t bin, size_t stream) const { return bins_[bin][stream]; }
  // All streams together.
  Cell Total(size_t bin) const;

 private:
  static constexpr int kLatencyBits = 6;  // quantiles to 1 %
  static constexpr size_t kMaxBins = 200;
  using Bin = std::vector<Cell>;  // by stream

  Cell& At(size_t stream, absl::Duration time);
  // Makes one bin of each two.
  void Widen();

  size_t streams_;
  absl::Duration width_ = absl::Milliseconds(25);
  std::vector<Bin> bins_;
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BENCH_TIMELINE_H_
