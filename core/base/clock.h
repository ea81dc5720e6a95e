// Time as a dependency: whatever waits or measures takes a Clock, so that tests set the time by
// hand.
#ifndef SNAPVIT_CORE_BASE_CLOCK_H_
#define SNAPVIT_CORE_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace snapvit {

// A source of monotonic time. Implementations are safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never goes backwards and does not follow changes of the wall clock: only differences between
  // two values of the same clock, and deadlines built from them, mean anything.
  virtual absl::Time Now() const = 0;

  // The process's clock, from CLOCK_MONOTONIC. Lives for ever.
  static const Clock* Monotonic();
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_BASE_CLOCK_H_
