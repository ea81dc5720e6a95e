#include "client/cli/bench_timeline.h"

#include <algorithm>
#include <utility>

namespace snapvit::cli {
namespace {

void MergeInto(const BenchTimeline::Cell& from, BenchTimeline::Cell& to) {
  to.offered += from.offered;
  to.answered += from.answered;
  to.record.Merge(from.record);
}

}  // namespace

void BenchTimeline::AddSent(size_t stream, absl::Duration intended) {
  ++At(stream, intended).offered;
}

void BenchTimeline::AddOutcome(size_t stream, absl::Duration intended,
                               const RequestOutcome& outcome) {
  At(stream, intended).record.Add(outcome);
  if (outcome.kind == RequestOutcome::Kind::kOk) {
    ++At(stream, intended + outcome.latency).answered;
  }
}

BenchTimeline::Cell BenchTimeline::Total(size_t bin) const {
  Cell total;
  for (const Cell& cell : bins_[bin]) MergeInto(cell, total);
  return total;
}

BenchTimeline::Cell& BenchTimeline::At(size_t stream, absl::Duration time) {
  const absl::Duration from_start = std::max(time, absl::ZeroDuration());
  while (from_start >= kMaxBins * width_) Widen();
  absl::Duration rest;
  const auto bin = static_cast<size_t>(absl::IDivDuration(from_start, width_, &rest));
  while (bins_.size() <= bin) bins_.emplace_back(streams_);
  return bins_[bin][stream];
}

void BenchTimeline::Widen() {
  width_ *= 2;
  for (size_t i = 0; i < bins_.size(); ++i) {
    if (i % 2 == 0) {
      if (i > 0) bins_[i / 2] = std::move(bins_[i]);
      continue;
    }
    for (size_t stream = 0; stream < streams_; ++stream) {
      MergeInto(bins_[i][stream], bins_[i / 2][stream]);
    }
  }
  bins_.resize((bins_.size() + 1) / 2);
}

}  // namespace snapvit::cli
