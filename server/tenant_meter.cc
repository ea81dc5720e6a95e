#include "server/tenant_meter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

// Sums of products of doubles: a client that waits as long as it is told to must find enough.
constexpr double kRounding = 1e-9;

}  // namespace

UsageGrant& UsageGrant::operator=(UsageGrant&& other) noexcept {
  if (this == &other) return *this;
  End(0);
  meter_ = std::exchange(other.meter_, nullptr);
  images_ = other.images_;
  charged_gflop_ = other.charged_gflop_;
  at_floor_ = other.at_floor_;
  return *this;
}

void UsageGrant::End(double computed_gflop) {
  if (meter_ == nullptr) return;
  meter_->GiveBack(images_, std::max(0.0, charged_gflop_ - computed_gflop));
  meter_ = nullptr;
}

absl::StatusOr<UsageGrant> TenantMeter::Admit(const UsageLimits& limits,
                                              const UsageRequest& request) {
  UsageGrant grant;
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckConcurrencyLocked(limits, request.images));
  ASSIGN_OR_RETURN(grant.charged_gflop_, ChargeLocked(limits, request));
  images_ += request.images;
  grant.meter_ = shared_from_this();
  grant.images_ = request.images;
  grant.at_floor_ = limits.rate_gflops.has_value() && grant.charged_gflop_ < request.wanted_gflop;
  return grant;
}

absl::Status TenantMeter::CheckConcurrencyLocked(const UsageLimits& limits, int images) const {
  if (!limits.concurrency.has_value() || images_ + images <= *limits.concurrency) {
    return absl::OkStatus();
  }
  if (images > *limits.concurrency) {
    return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                          "request has ", images, " images, the tenant may have ",
                          *limits.concurrency, " in flight: expected smaller requests")),
                      kReasonTooLarge);
  }
  return WithReason(absl::ResourceExhaustedError(
                        absl::StrCat("the tenant has ", images_, " images in flight, ", images,
                                     " more would be above its limit of ", *limits.concurrency)),
                    kReasonConcurrency);
}

absl::StatusOr<double> TenantMeter::ChargeLocked(const UsageLimits& limits,
                                                 const UsageRequest& request) {
  if (!limits.rate_gflops.has_value()) {
    used_gflop_ = 0;
    return 0.0;
  }
  const double rate = *limits.rate_gflops;
  const double burst = limits.burst_gflop;
  const absl::Time now = clock_.Now();
  const double refill = rate * absl::ToDoubleSeconds(now - refilled_);
  used_gflop_ = std::max(0.0, used_gflop_ - refill);
  refilled_ = now;
  const double rounding = kRounding * burst;
  if (used_gflop_ + request.wanted_gflop <= burst + rounding) {
    used_gflop_ += request.wanted_gflop;
    return request.wanted_gflop;
  }
  const double most_used = std::max(0.0, burst - request.floor_gflop);
  if (used_gflop_ <= most_used + rounding) {
    used_gflop_ += request.floor_gflop;
    return request.floor_gflop;
  }
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat("the tenant's rate limit of ", rate,
                                                " GFLOP/s is used up: the request needs ",
                                                request.floor_gflop, " GFLOP at its floor")),
      kReasonRateLimit, absl::Seconds((used_gflop_ - most_used) / rate));
}

void TenantMeter::GiveBack(int images, double gflop) {
  absl::MutexLock lock(&mu_);
  images_ -= images;
  used_gflop_ = std::max(0.0, used_gflop_ - gflop);
}

}  // namespace snapvit
