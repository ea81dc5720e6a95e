// When tasks are due, and the order of service that follows from it.
#ifndef SNAPVIT_CORE_SCHEDULING_URGENCY_H_
#define SNAPVIT_CORE_SCHEDULING_URGENCY_H_

#include <cstdint>
#include <limits>

#include "absl/container/btree_set.h"
#include "absl/time/time.h"
#include "core/scheduling/policy.h"

namespace snapvit {

// Unix time in nanoseconds; the largest number for InfiniteFuture.
inline int64_t UnixNanos(absl::Time time) {
  return time == absl::InfiniteFuture() ? std::numeric_limits<int64_t>::max()
                                        : absl::ToUnixNanos(time);
}

// Unix time in seconds, to a microsecond: what decisions calculate with.
inline double UnixSeconds(absl::Time time) {
  return static_cast<double>(absl::ToUnixNanos(time)) * 1e-9;
}

// Seconds from `now` (as UnixSeconds) until the task is due; negative: it is late.
inline double SlackOf(const QueuedTask& task, double now) {
  const absl::Time due = task.spec().due();
  return due == absl::InfiniteFuture() ? std::numeric_limits<double>::infinity()
                                       : UnixSeconds(due) - now;
}

// Place in the order of service; smaller is sooner. `due` may be sooner than the task's, so that it
// does not wait for ever.
struct Urgency {
  int64_t due_ns = 0;  // as UnixNanos: half the size of absl::Time, which would widen the tree
  uint64_t sequence = 0;
  QueuedTask* task = nullptr;

  Urgency() = default;
  Urgency(QueuedTask* of, absl::Time due)
      : due_ns(UnixNanos(due)), sequence(of->sequence), task(of) {}

  bool operator<(const Urgency& other) const {
    return due_ns != other.due_ns ? due_ns < other.due_ns : sequence < other.sequence;
  }
};
using UrgencySet = absl::btree_set<Urgency>;

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_URGENCY_H_
