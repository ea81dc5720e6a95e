#include "server/head_room.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>

namespace snapvit {

void HeadRoom::Opened(uint16_t local_port) {
  absl::MutexLock lock(&mu_);
  WaitLocked(local_port);
}

void HeadRoom::RequestCame(const ConnectionEnds& connection) {
  absl::MutexLock lock(&mu_);
  --waiting_;
  busy_.push_back(connection);
}

void HeadRoom::RequestDone(const ConnectionEnds& connection) {
  absl::MutexLock lock(&mu_);
  busy_.erase(std::find(busy_.begin(), busy_.end(), connection));
  WaitLocked(connection.local_port);
}

void HeadRoom::Closed() {
  absl::MutexLock lock(&mu_);
  --waiting_;
}

void HeadRoom::WaitLocked(uint16_t local_port) {
  if (++waiting_ <= most_) return;
  // Under the lock: what waits stays open and without a request.
  const std::optional<int> silent = FindSilentSocket(local_port, busy_);
  if (!silent.has_value()) return;
  shutdown(*silent, SHUT_RDWR);
  if (on_cut_) on_cut_();
}

}  // namespace snapvit
