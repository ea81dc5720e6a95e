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
    if (++waiting_ <= most_) return;
    last_thread = waiting_ + busy_.size() == threads_;
  }
  // Those that have sent something do not count, since their requests are about to be read. If
  // those are no whole requests, they will be silent, and whoever comes next cuts them; but
  // nobody comes while there is no thread.
  int looks = 0;
  while (CutSilent(local_port) <= most_ && last_thread && !IsRoomy() && ++looks < kMostLooks) {
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
    if (++waiting_ <= most_) return;
  }
  CutSilent(connection.local_port);
}

void HeadRoom::Closed() {
  absl::MutexLock lock(&mu_);
  --waiting_;
}

size_t HeadRoom::CutSilent(uint16_t local_port) {
  absl::MutexLock search(&search_mu_);
  const std::vector<ConnectionSocket> silent = FindSilentSockets(local_port, busy());
  for (size_t i = 0; i + most_ < silent.size(); ++i) Cut(silent[i]);
  return silent.size();
}

std::vector<ConnectionEnds> HeadRoom::busy() {
  absl::MutexLock lock(&mu_);
  return busy_;
}

void HeadRoom::Cut(const ConnectionSocket& socket) {
  absl::MutexLock lock(&mu_);
  // Under the lock: what waits stays open and without a request.
  if (std::find(busy_.begin(), busy_.end(), socket.ends) != busy_.end()) return;
  if (!IsStillOpen(socket)) return;
  shutdown(socket.fd, SHUT_RDWR);
  if (on_cut_) on_cut_();
}

bool HeadRoom::IsRoomy() {
  absl::MutexLock lock(&mu_);
  return waiting_ <= most_ || waiting_ + busy_.size() < threads_;
}

}  // namespace snapvit
