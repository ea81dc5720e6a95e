#include "core/load/load_record.h"

namespace snapvit {
namespace {

std::optional<double> Ratio(double sum, uint64_t count) {
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

}  // namespace

void LoadRecord::Add(const RequestOutcome& outcome) {
  if (outcome.kind != RequestOutcome::Kind::kOk) {
    ++(outcome.kind == RequestOutcome::Kind::kShed ? shed_ : failed_);
    ++errors_[outcome.error];
    return;
  }
  ++ok_;
  if (outcome.degraded) ++degraded_;
  if (outcome.in_time) ++in_time_;
  latency_.Record(outcome.latency);
  images_ += outcome.images;
  compute_sum_ += outcome.images * outcome.served_compute;
  if (!outcome.fidelity.has_value()) return;
  images_with_fidelity_ += outcome.images;
  fidelity_sum_ += outcome.images * *outcome.fidelity;
}

void LoadRecord::Merge(const LoadRecord& other) {
  ok_ += other.ok_;
  degraded_ += other.degraded_;
  shed_ += other.shed_;
  failed_ += other.failed_;
  in_time_ += other.in_time_;
  images_ += other.images_;
  images_with_fidelity_ += other.images_with_fidelity_;
  compute_sum_ += other.compute_sum_;
  fidelity_sum_ += other.fidelity_sum_;
  latency_.Merge(other.latency_);
  for (const auto& [error, count] : other.errors_) errors_[error] += count;
}

std::optional<double> LoadRecord::Attainment() const {
  return Ratio(static_cast<double>(in_time_), sent());
}
std::optional<double> LoadRecord::MeanServedCompute() const { return Ratio(compute_sum_, images_); }
std::optional<double> LoadRecord::MeanFidelity() const {
  return Ratio(fidelity_sum_, images_with_fidelity_);
}

}  // namespace snapvit
