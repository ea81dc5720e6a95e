// SocketTimer: an end to waiting for a peer that sends slowly, or never.
#ifndef SNAPVIT_SERVER_SOCKET_TIMER_H_
#define SNAPVIT_SERVER_SOCKET_TIMER_H_

#include <set>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace snapvit {

// Thread-safe. Outlives its guards.
class SocketTimer {
 public:
  // While it lives: `time` after it was made, nothing more is read from `socket`. Reads that wait
  // end there, as if the peer had closed its side; what is sent to the peer still goes out.
  class Guard {
   public:
    // The timer is borrowed and the socket stays open for the life of the guard.
    Guard(SocketTimer* timer, int socket, absl::Duration time);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    // Whether the time has passed.
    bool expired() const;

   private:
    friend class SocketTimer;

    SocketTimer& timer_;
    const int socket_;
    const absl::Time deadline_;  // of Clock::Monotonic()
    bool expired_ = false;       // guarded by timer_.mu_
  };

  SocketTimer();
  ~SocketTimer();
  SocketTimer(const SocketTimer&) = delete;
  SocketTimer& operator=(const SocketTimer&) = delete;

  // The time of all guards, also later ones, has passed.
  void ExpireAll() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  // Expires what is due; returns how long the next one has.
  absl::Duration ExpireLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Mutex mu_;
  absl::CondVar changed_;
  bool expire_all_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::set<Guard*> guards_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SOCKET_TIMER_H_
