#include "server/socket_timer.h"

#include <sys/socket.h>

#include <algorithm>

#include "core/base/clock.h"

namespace snapvit {

SocketTimer::Guard::Guard(SocketTimer* timer, int socket, absl::Duration time)
    : timer_(*timer), socket_(socket), deadline_(Clock::Monotonic()->Now() + time) {
  absl::MutexLock lock(&timer_.mu_);
  timer_.guards_.insert(this);
  timer_.changed_.Signal();
}

SocketTimer::Guard::~Guard() {
  absl::MutexLock lock(&timer_.mu_);
  timer_.guards_.erase(this);
}

bool SocketTimer::Guard::expired() const {
  absl::MutexLock lock(&timer_.mu_);
  return expired_;
}

SocketTimer::SocketTimer() : thread_([this] { Loop(); }) {}

SocketTimer::~SocketTimer() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    changed_.Signal();
  }
  thread_.join();
}

void SocketTimer::ExpireAll() {
  absl::MutexLock lock(&mu_);
  expire_all_ = true;
  changed_.Signal();
}

void SocketTimer::Loop() {
  absl::MutexLock lock(&mu_);
  while (!stopping_) changed_.WaitWithTimeout(&mu_, ExpireLocked());
}

absl::Duration SocketTimer::ExpireLocked() {
  const absl::Time now = Clock::Monotonic()->Now();
  absl::Duration next = absl::InfiniteDuration();
  // There are never more guards than threads of the HTTP server.
  for (Guard* const guard : guards_) {
    if (guard->expired_) continue;
    guard->expired_ = expire_all_ || guard->deadline_ <= now;
    if (guard->expired_) {
      // Under the lock: the socket is still the guard's.
      shutdown(guard->socket_, SHUT_RD);
    } else {
      next = std::min(next, guard->deadline_ - now);
    }
  }
  return next;
}

}  // namespace snapvit
