#include "core/load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace snapvit {

// Below 2^bits each nanosecond has its bucket; each power of two from there on has 2^bits.
size_t LatencyHistogram::BucketOf(int64_t nanoseconds) const {
  const auto value = static_cast<uint64_t>(nanoseconds);
  const int shift = std::bit_width(value) - 1 - bits_;
  if (shift < 0) return value;
  return (static_cast<size_t>(shift) << bits_) + (value >> shift);
}

int64_t LatencyHistogram::MiddleOf(size_t bucket) const {
  const size_t shift = bucket < (size_t{2} << bits_) ? 0 : (bucket >> bits_) - 1;
  const int64_t lowest = static_cast<int64_t>(bucket - (shift << bits_)) << shift;
  return lowest + (((int64_t{1} << shift) - 1) / 2);
}

void LatencyHistogram::Record(absl::Duration duration) {
  const int64_t ns = std::clamp(absl::ToInt64Nanoseconds(duration), int64_t{0}, int64_t{1} << 62);
  const size_t bucket = BucketOf(ns);
  if (bucket >= counts_.size()) counts_.resize(bucket + 1);
  ++counts_[bucket];
  min_ns_ = count_ == 0 ? ns : std::min(min_ns_, ns);
  max_ns_ = std::max(max_ns_, ns);
  sum_ns_ += static_cast<double>(ns);
  ++count_;
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  if (other.count_ == 0) return;
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  min_ns_ = count_ == 0 ? other.min_ns_ : std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
  sum_ns_ += other.sum_ns_;
  count_ += other.count_;
}

absl::Duration LatencyHistogram::Quantile(double quantile) const {
  if (count_ == 0) return absl::ZeroDuration();
  const auto rank = std::max<uint64_t>(
      1, static_cast<uint64_t>(std::ceil(quantile * static_cast<double>(count_))));
  if (rank == 1) return min();
  if (rank >= count_) return max();
  uint64_t below = 0;
  size_t bucket = 0;
  while ((below += counts_[bucket]) < rank) ++bucket;
  return absl::Nanoseconds(std::clamp(MiddleOf(bucket), min_ns_, max_ns_));
}

absl::Duration LatencyHistogram::Mean() const {
  if (count_ == 0) return absl::ZeroDuration();
  return absl::Nanoseconds(sum_ns_ / static_cast<double>(count_));
}

}  // namespace snapvit
