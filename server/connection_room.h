// ConnectionRoom: connections that hold a thread while their clients take their time, of which the
// oldest makes way for a new one.
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
  // `on_cut` is called, under a lock, when a connection had to make way; may be empty.
  ConnectionRoom(size_t most, std::function<void()> on_cut)
      : most_(most), on_cut_(std::move(on_cut)) {}

  // The connection stays open until Leave(). If there are more than `most` now, the one that came
  // first is shut down: its thread finds that its client has gone.
  void Enter(const ConnectionEnds& connection) ABSL_LOCKS_EXCLUDED(mu_);
  // Does nothing to a connection that is not in it.
  void Leave(const ConnectionEnds& connection) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void CutOldestLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const size_t most_;
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
