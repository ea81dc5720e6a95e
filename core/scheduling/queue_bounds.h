// How much may wait, and the answer when it is too much.
#ifndef SNAPVIT_CORE_SCHEDULING_QUEUE_BOUNDS_H_
#define SNAPVIT_CORE_SCHEDULING_QUEUE_BOUNDS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace snapvit {

// Amount of work that waits (or asks to): what the bounds are about.
struct QueueLoad {
  size_t items = 0;
  size_t bytes = 0;
  absl::Duration
      engine_time;  // profiled, at the wanted rungs in their best batch; over all workers together

  QueueLoad& operator+=(const QueueLoad& other);
  QueueLoad& operator-=(const QueueLoad& other);
};

// Bounds of what waits; what is being computed does not count. Decoded bytes count, but tasks that
// are already admitted are decoded whatever the sum: `max_bytes` may be passed by those of the
// tasks that are prepared ahead.
struct QueueBounds {
  size_t max_items = 4096;
  size_t max_bytes = size_t{512} << 20;
  absl::Duration max_engine_time =
      absl::Seconds(30);  // over all workers together; one request may pass it alone
};

// Whether `request` fits beside `queued`. RESOURCE_EXHAUSTED: TOO_LARGE if it would not fit into an
// empty queue, else QUEUE_FULL with the time after which `workers` should have made room for it.
absl::Status CheckBounds(const QueueBounds& bounds, const QueueLoad& queued,
                         const QueueLoad& request, int workers);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_QUEUE_BOUNDS_H_
