// HeadRoom: connections of the HTTP listener on which a request is to come. Each holds a thread: if
// too many of them are silent, those that have been so for longest make way.
#ifndef SNAPVIT_SERVER_HEAD_ROOM_H_
#define SNAPVIT_SERVER_HEAD_ROOM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/connection_socket.h"

namespace snapvit {

// Thread-safe.
class HeadRoom {
 public:
  struct Options {
    size_t most = 16;     // connections that may be silent
    size_t threads = 32;  // of the listener
    // One that has just come is about to ask: so long it makes way to nobody.
    uint32_t grace_ms = 0;
    std::function<void()> on_cut;  // under a lock, when a connection had to make way; may be empty
  };
  explicit HeadRoom(Options options) : options_(std::move(options)) {}

  // A thread has taken a connection of the listener at `local_port`. civetweb does not say yet
  // which.
  void Opened(uint16_t local_port) ABSL_LOCKS_EXCLUDED(mu_);
  // A request has come on one of them; it is not to be cut until its answer was sent.
  void RequestCame(const ConnectionEnds& connection) ABSL_LOCKS_EXCLUDED(mu_);
  // The next one may come.
  void RequestDone(const ConnectionEnds& connection) ABSL_LOCKS_EXCLUDED(mu_);
  // One of those without a request is about to be closed.
  void Closed() ABSL_LOCKS_EXCLUDED(mu_);
  // All that are silent make way to the listener's end; `on_cut` is not called.
  void CutAll(uint16_t local_port) ABSL_LOCKS_EXCLUDED(search_mu_, mu_);

 private:
  // Cuts the silent connections above `most`, the most silent first. False if there were no more,
  // some have come too recently, or another thread is at it.
  bool CutSilent(uint16_t local_port) ABSL_LOCKS_EXCLUDED(search_mu_, mu_);
  bool CutSilentLocked(uint16_t local_port) ABSL_EXCLUSIVE_LOCKS_REQUIRED(search_mu_)
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<ConnectionEnds> busy() ABSL_LOCKS_EXCLUDED(mu_);
  // False if it has a request, or is gone.
  bool Cut(const ConnectionSocket& socket) ABSL_LOCKS_EXCLUDED(mu_);
  bool IsRoomy() ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  absl::Mutex search_mu_ ABSL_ACQUIRED_BEFORE(mu_);  // one search for who is silent at a time
  absl::Mutex mu_;                                   // never held for long: requests wait for it
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<ConnectionEnds> busy_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HEAD_ROOM_H_
