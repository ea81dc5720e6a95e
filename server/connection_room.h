// ConnectionRoom: connections that hold a thread until their clients have taken what is sent to
// them. If too many do not take it, those that came first make way.
#ifndef SNAPVIT_SERVER_CONNECTION_ROOM_H_
#define SNAPVIT_SERVER_CONNECTION_ROOM_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/connection_socket.h"

namespace snapvit {

// Thread-safe.
class ConnectionRoom {
 public:
  // `most` connections may be stuck, and there may be `most_at_all`. `on_cut` is called, under a
  // lock, when a connection had to make way; may be empty.
  ConnectionRoom(size_t most, size_t most_at_all, std::function<void()> on_cut)
      : most_(most), most_at_all_(most_at_all), on_cut_(std::move(on_cut)) {}

  // The connection stays open until Leave(). If there are more than `most` now, the first of those
  // whose clients have not taken what was sent are shut down: their threads find that their clients
  // have gone. A connection on which nothing waits has a thread that is about to send, or to leave:
  // it makes way only above `most_at_all`.
  void Enter(const ConnectionEnds& connection) ABSL_LOCKS_EXCLUDED(mu_);
  // Does nothing to a connection that is not in it.
  void Leave(const ConnectionEnds& connection) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void CutLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const size_t most_;
  const size_t most_at_all_;
  const std::function<void()> on_cut_;
  absl::Mutex mu_;
  struct Entry {
    ConnectionEnds connection;
    bool cut = false;
  };
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mu_);  // a few dozen, in the order of coming
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;         // of them, those that were not cut
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_CONNECTION_ROOM_H_
