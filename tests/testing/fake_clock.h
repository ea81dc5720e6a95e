// A clock that stands still until the test moves it.
#ifndef SNAPVIT_TESTS_TESTING_FAKE_CLOCK_H_
#define SNAPVIT_TESTS_TESTING_FAKE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "core/base/clock.h"

namespace snapvit {

// Thread-safe. Starts at an arbitrary time.
class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixNanos(nanos_.load()); }
  // REQUIRES: by >= 0.
  void Advance(absl::Duration by) { nanos_ += absl::ToInt64Nanoseconds(by); }

 private:
  std::atomic<int64_t> nanos_{1'700'000'000'000'000'000};
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_FAKE_CLOCK_H_
