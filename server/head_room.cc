#include "server/head_room.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>

namespace snapvit {

void HeadRoom::Opened(uint16_t local_port) { Wait(local_port); }

void HeadRoom::RequestCame(const ConnectionEnds& connection) {
  absl::MutexLock lock(&mu_);
  --waiting_;
  busy_.push_back(connection);
}

void HeadRoom::RequestDone(const ConnectionEnds& connection) {
  {
    absl::MutexLock lock(&mu_);
    busy_.erase(std::find(busy_.begin(), busy_.end(), connection));
  }
  Wait(connection.local_port);
}

void HeadRoom::Closed() {
  absl::MutexLock lock(&mu_);
  --waiting_;
}

void HeadRoom::Wait(uint16_t local_port) {
  {
    absl::MutexLock lock(&mu_);
    if (++waiting_ <= most_) return;
  }
  absl::MutexLock search(&search_mu_);
  // Again if it has got a request meanwhile.
  while (const std::optional<ConnectionSocket> silent = FindSilentSocket(local_port, busy())) {
    if (Cut(*silent)) return;
  }
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
  if (on_cut_) on_cut_();
  return true;
}

}  // namespace snapvit
