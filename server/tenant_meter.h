// TenantMeter: what one tenant uses at the moment, held against what it may use: images in flight,
// and GFLOP by a token bucket.
#ifndef SNAPVIT_SERVER_TENANT_METER_H_
#define SNAPVIT_SERVER_TENANT_METER_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"

namespace snapvit {

struct UsageLimits {
  std::optional<double> rate_gflops;  // GFLOP per second, > 0
  double burst_gflop = 0;             // size of the bucket; > 0 with a rate
  std::optional<int> concurrency;     // images in flight, >= 1
};

// One request: all of its images together.
struct UsageRequest {
  int images = 0;
  double wanted_gflop = 0;  // at the rung that it wants
  double floor_gflop = 0;   // at its floor; not above wanted
};

class TenantMeter;

// A request that was let in: holds its images' places, and what it was charged, until it ends.
class UsageGrant {
 public:
  UsageGrant() = default;
  UsageGrant(UsageGrant&& other) noexcept { *this = std::move(other); }
  UsageGrant& operator=(UsageGrant&& other) noexcept;
  ~UsageGrant() { End(0); }

  // The bucket had enough for the floor only.
  bool at_floor() const { return at_floor_; }

  // The request has ended after computing `computed_gflop`; what it was charged above that is given
  // back. A grant that is destroyed without this is given back whole.
  void End(double computed_gflop);

 private:
  friend class TenantMeter;

  std::shared_ptr<TenantMeter> meter_;  // null: nothing is held
  int images_ = 0;
  double charged_gflop_ = 0;
  bool at_floor_ = false;
};

// Thread-safe. Outlives reloads of the tenants file, so limits come with each request: what is
// counted is the use, and a new limit holds at once.
class TenantMeter : public std::enable_shared_from_this<TenantMeter> {
 public:
  // `clock` is borrowed.
  static std::shared_ptr<TenantMeter> Create(const Clock* clock) {
    return std::shared_ptr<TenantMeter>(new TenantMeter(clock));
  }

  // Lets the request in at the rung that it wants or, if the bucket has not enough for that, at its
  // floor. A floor above the whole bucket is let in when the bucket is full, and leaves it in debt.
  // RESOURCE_EXHAUSTED: CONCURRENCY, RATE_LIMIT with the time after which the bucket has enough for
  // the floor, or TOO_LARGE (more images than may ever be in flight).
  absl::StatusOr<UsageGrant> Admit(const UsageLimits& limits, const UsageRequest& request)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class UsageGrant;

  explicit TenantMeter(const Clock* clock) : clock_(*clock) {}

  absl::Status CheckConcurrencyLocked(const UsageLimits& limits, int images) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What the bucket is charged for the request.
  absl::StatusOr<double> ChargeLocked(const UsageLimits& limits, const UsageRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveBack(int images, double gflop) ABSL_LOCKS_EXCLUDED(mu_);

  const Clock& clock_;

  absl::Mutex mu_;
  int images_ ABSL_GUARDED_BY(mu_) = 0;
  // What is missing from a full bucket; above the bucket's size: debt.
  double used_gflop_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time refilled_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();  // used_gflop_ is of then
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TENANT_METER_H_
