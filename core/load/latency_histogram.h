// LatencyHistogram: quantiles of any number of durations in bounded memory, to a fixed relative
// precision (buckets as in HdrHistogram: linear within each power of two).
#ifndef SNAPVIT_CORE_LOAD_LATENCY_HISTOGRAM_H_
#define SNAPVIT_CORE_LOAD_LATENCY_HISTOGRAM_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace snapvit {

// Not thread-safe. At most 8 · 2^bits · (64 − bits) bytes, and no more than the largest duration
// needs: 100 KB for 10 s at 9 bits.
class LatencyHistogram {
 public:
  // Quantiles are off by at most 2^-(bits + 1) of their value: 9 bits are 0.1 %. REQUIRES: 1 <=
  // precision_bits <= 20.
  explicit LatencyHistogram(int precision_bits) : bits_(precision_bits) {}
  LatencyHistogram() : LatencyHistogram(9) {}

  // Nanoseconds count; what is negative counts as zero, what is beyond 2^62 ns as that.
  void Record(absl::Duration duration);
  // REQUIRES: the same precision.
  void Merge(const LatencyHistogram& other);

  uint64_t count() const { return count_; }
  // The smallest recorded duration that at least the share `quantile` of all does not pass, to the
  // precision; exact for 0 and 1. Zero if nothing was recorded. REQUIRES: 0 <= quantile <= 1.
  absl::Duration Quantile(double quantile) const;
  // Exact. Zero if nothing was recorded.
  absl::Duration Mean() const;
  absl::Duration min() const { return absl::Nanoseconds(count_ == 0 ? 0 : min_ns_); }
  absl::Duration max() const { return absl::Nanoseconds(max_ns_); }

 private:
  size_t BucketOf(int64_t nanoseconds) const;
  int64_t MiddleOf(size_t bucket) const;

  int bits_;
  std::vector<uint64_t> counts_;  // by bucket, as far as there are any
  uint64_t count_ = 0;
  int64_t min_ns_ = 0;
  int64_t max_ns_ = 0;
  double sum_ns_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_LOAD_LATENCY_HISTOGRAM_H_
