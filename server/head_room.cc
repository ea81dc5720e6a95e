#include "server/head_room.h"

#include <sys/socket.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace snapvit {
namespace {

// For what has been sent to be read by other threads.
constexpr int kMostLooks = 1000;
constexpr absl::Duration kLookPeriod = absl::Milliseconds(1);

}  // namespace

void HeadRoom::Opened(uint16_t local_port) {
  bool last_thread;
  {
    absl::MutexLock lock(&mu_);
    if (++waiting_ <= options_.most) return;
    last_thread = waiting_ + busy_.size() == options_.threads;
  }
  // Those that have sent something do not count, since their requests are about to be read. If
  // those are no whole requests, they will be silent, and whoever comes next cuts them; but
  // nobody comes while there is no thread.
  int looks = 0;
  while (!CutSilent(local_port) && last_thread && !IsRoomy() && ++looks < kMostLooks) {
    absl::SleepFor(kLookPeriod);
  }
}

void HeadRoom::RequestCame(const ConnectionEnds& connection) {
  absl::MutexLock lock(&mu_);
  --waiting_;
  busy_.push_back(connection);
}

void HeadRoom::RequestDone(const ConnectionEnds& connection) {
  {
    absl::MutexLock lock(&mu_);
    busy_.erase(std::find(busy_.begin(), busy_.end(), connection));
    if (++waiting_ <= options_.most) return;
  }
  CutSilent(connection.local_port);
}

void HeadRoom::Closed() {
  absl::MutexLock lock(&mu_);
  --waiting_;
}

bool HeadRoom::CutSilent(uint16_t local_port) {
  // Threads that waited here would not read what their connections have sent, which keeps these
  // from being silent.
  if (!search_mu_.TryLock()) return false;
  const bool all = CutSilentLocked(local_port);
  search_mu_.Unlock();
  return all;
}

bool HeadRoom::CutSilentLocked(uint16_t local_port) {
  const std::vector<ConnectionSocket> silent = FindSilentSockets(local_port, busy());
  bool all = silent.size() > options_.most;
  for (size_t i = 0; i + options_.most < silent.size(); ++i) {
    if (silent[i].silent_ms < options_.grace_ms) {
      all = false;
    } else if (Cut(silent[i]) && options_.on_cut) {
      options_.on_cut();
    }
  }
  return all;
}

void HeadRoom::CutAll(uint16_t local_port) {
  absl::MutexLock search(&search_mu_);
  for (const ConnectionSocket& socket : FindSilentSockets(local_port, busy())) Cut(socket);
}

std::vector<ConnectionEnds> HeadRoom::busy() {
  absl::MutexLock lock(&mu_);
  return busy_;
}

bool HeadRoom::Cut(const ConnectionSocket& socket) {
  absl::MutexLock lock(&mu_);
  // Under the lock: what waits stays open and without a request.
  if (std::find(busy_.begin(), busy_.end(), socket.ends) != busy_.end()) return false;
  if (!IsStillOpen(socket)) return false;
  shutdown(socket.fd, SHUT_RDWR);
  return true;
}

bool HeadRoom::IsRoomy() {
  absl::MutexLock lock(&mu_);
  return waiting_ <= options_.most || waiting_ + busy_.size() < options_.threads;
}

}  // namespace snapvit
