// CallSet: the open calls that may have to be ended: streams by a drain, and whatever stands still.
#ifndef SNAPVIT_SERVER_CALL_SET_H_
#define SNAPVIT_SERVER_CALL_SET_H_

#include <cstddef>
#include <limits>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace snapvit {

// Reason of DEADLINE_EXCEEDED: a stream stood still.
inline constexpr char kReasonStreamIdle[] = "STREAM_IDLE";

// Thread-safe.
class CallSet {
 public:
  // Calls that have not moved since then have stood still for too long.
  struct StillSince {
    absl::Time idle = absl::InfinitePast();     // streams: nothing came, nothing is under way
    absl::Time replies = absl::InfinitePast();  // a reply waits for its client to take it
  };

  // Its methods must not call the CallSet.
  class Call {
   public:
    virtual ~Call() = default;
    // Reads no further messages and ends the call once all replies are sent. May be called again.
    virtual void Drain() = 0;
    virtual void EndIfStill(const StillSince& since) = 0;
  };

  explicit CallSet(size_t max_streams = std::numeric_limits<size_t>::max())
      : max_streams_(max_streams) {}

  // `stream` is borrowed until Remove(). If the set is draining already, it is drained at once.
  // False: there are as many as may be, and it was not added.
  bool AddStream(Call* stream) ABSL_LOCKS_EXCLUDED(mu_);
  // A unary call whose reply is on its way; likewise borrowed.
  void AddReply(Call* call) ABSL_LOCKS_EXCLUDED(mu_);
  // Does nothing to what was not added.
  void Remove(Call* call) ABSL_LOCKS_EXCLUDED(mu_);

  // Drains all streams that are open and every later one.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  void EndStill(const StillSince& since) ABSL_LOCKS_EXCLUDED(mu_);

  size_t max_streams() const { return max_streams_; }
  size_t streams() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const size_t max_streams_;
  mutable absl::Mutex mu_;
  std::set<Call*> streams_ ABSL_GUARDED_BY(mu_);
  std::set<Call*> replies_ ABSL_GUARDED_BY(mu_);
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_CALL_SET_H_
