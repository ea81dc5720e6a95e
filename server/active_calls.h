// ActiveCalls: how many calls are open, so that there is a limit to them and a drain can wait for
// the last reply.
#ifndef SNAPVIT_SERVER_ACTIVE_CALLS_H_
#define SNAPVIT_SERVER_ACTIVE_CALLS_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace snapvit {

// Thread-safe.
class ActiveCalls {
 public:
  struct Limits {
    int calls = 4096;             // of gRPC, over all connections
    int connection_calls = 2048;  // of one of them
    // For connections that may have so many streams: twice as many calls, as a client that has its
    // reply may open the next stream before the call has ended here.
    static Limits Of(int calls, int streams) { return {calls, 2 * streams}; }
  };
  // HTTP/2 forgets a stream that is reset, though its call has not ended yet: a client that resets
  // what it opens is not held by its connection's limit of streams, and its calls would take the
  // room of all.
  enum class Room { kNotNeeded, kTaken, kNone, kNoneOnConnection };

  // Open until it is destroyed: the reply has left by then, or cannot. Those for which there is no
  // room take none; they are open until they are refused.
  class Call {
   public:
    // Of HTTP, which limits its calls itself.
    explicit Call(ActiveCalls* calls);
    // Of gRPC. `connection`: the address of its peer.
    Call(ActiveCalls* calls, const Limits& limits, std::string connection);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    Room room() const { return room_; }

   private:
    ActiveCalls* const calls_;
    const std::string connection_;
    Room room_ = Room::kNotNeeded;
  };

  int open() const ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until no call is open; false if that takes longer than `timeout`.
  bool AwaitNone(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Open() ABSL_LOCKS_EXCLUDED(mu_);
  Room OpenWithin(const Limits& limits, const std::string& connection) ABSL_LOCKS_EXCLUDED(mu_);
  void Close(Room room, const std::string& connection) ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  int open_ ABSL_GUARDED_BY(mu_) = 0;
  // Those of gRPC that have taken room.
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<std::string, int> connection_calls_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ACTIVE_CALLS_H_
