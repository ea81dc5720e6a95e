#include "server/connection_room.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>

namespace snapvit {

void ConnectionRoom::Enter(const ConnectionEnds& connection) {
  absl::MutexLock lock(&mu_);
  entries_.push_back({connection});
  if (++waiting_ > most_) CutOldestLocked();
}

void ConnectionRoom::Leave(const ConnectionEnds& connection) {
  absl::MutexLock lock(&mu_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.connection == connection;
  });
  if (found == entries_.end()) return;
  if (!found->cut) --waiting_;
  entries_.erase(found);
}

void ConnectionRoom::CutOldestLocked() {
  const auto oldest =
      std::find_if(entries_.begin(), entries_.end(), [](const Entry& entry) { return !entry.cut; });
  oldest->cut = true;
  --waiting_;
  // Under the lock: it is open until it leaves.
  if (const std::optional<int> socket = FindConnectionSocket(oldest->connection)) {
    shutdown(*socket, SHUT_RDWR);
  }
  if (on_cut_) on_cut_();
}

}  // namespace snapvit
