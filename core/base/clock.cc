#include "core/base/clock.h"

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace snapvit {
namespace {

class MonotonicClock final : public Clock {
 public:
  // Anchored at the wall time of the first use, so that printed times are readable; from then on
  // only the steady clock counts.
  MonotonicClock() : wall_start_(absl::Now()), start_(std::chrono::steady_clock::now()) {}

  absl::Time Now() const override {
    return wall_start_ + absl::FromChrono(std::chrono::steady_clock::now() - start_);
  }

 private:
  const absl::Time wall_start_;
  const std::chrono::steady_clock::time_point start_;
};

}  // namespace

const Clock* Clock::Monotonic() {
  static const MonotonicClock* const clock = new MonotonicClock;
  return clock;
}

}  // namespace snapvit
