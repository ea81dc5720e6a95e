#include "core/scheduling/latency_table.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

absl::Status CheckBatches(const std::vector<int>& batches) {
  if (batches.empty() || batches.front() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "latency table: the smallest batch is ",
        batches.empty() ? std::string("missing") : absl::StrCat(batches.front()), ", expected 1"));
  }
  for (size_t i = 1; i < batches.size(); ++i) {
    if (batches[i] <= batches[i - 1]) {
      return absl::InvalidArgumentError(absl::StrCat("latency table: batch ", batches[i], " after ",
                                                     batches[i - 1], ", expected ascending sizes"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRow(size_t rung, const std::vector<absl::Duration>& row,
                      const std::vector<int>& batches) {
  if (row.size() != batches.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "latency table: rung ", rung, " has ", row.size(), " times, expected ", batches.size()));
  }
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i] <= absl::ZeroDuration() || row[i] == absl::InfiniteDuration()) {
      return absl::InvalidArgumentError(
          absl::StrCat("latency table: rung ", rung, ", batch ", batches[i], " takes ",
                       absl::FormatDuration(row[i]), ", expected a positive and finite time"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LatencyTable> LatencyTable::Create(std::vector<int> batches,
                                                  std::vector<std::vector<absl::Duration>> times) {
  RETURN_IF_ERROR(CheckBatches(batches));
  if (times.empty()) {
    return absl::InvalidArgumentError("latency table: no rungs, expected at least one");
  }
  for (size_t rung = 0; rung < times.size(); ++rung) {
    RETURN_IF_ERROR(CheckRow(rung, times[rung], batches));
  }
  return LatencyTable(std::move(batches), std::move(times));
}

LatencyTable::LatencyTable(std::vector<int> batches, std::vector<std::vector<absl::Duration>> times)
    : batches_(std::move(batches)), times_(std::move(times)) {
  for (const std::vector<absl::Duration>& row : times_) {
    absl::Duration best = absl::InfiniteDuration();
    for (size_t i = 0; i < row.size(); ++i) best = std::min(best, row[i] / batches_[i]);
    task_times_.push_back(best);
  }
}

absl::Duration LatencyTable::BatchTime(int rung, int batch) const {
  const std::vector<absl::Duration>& row = times_[rung];
  const auto above = std::lower_bound(batches_.begin(), batches_.end(), batch);
  if (above == batches_.end()) {
    return row.back() * (static_cast<double>(batch) / batches_.back());
  }
  const size_t i = above - batches_.begin();
  if (batches_[i] == batch) return row[i];
  const double share =
      static_cast<double>(batch - batches_[i - 1]) / (batches_[i] - batches_[i - 1]);
  return row[i - 1] + (row[i] - row[i - 1]) * share;
}

}  // namespace snapvit
