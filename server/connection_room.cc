#include "server/connection_room.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace snapvit {

void ConnectionRoom::Enter(const ConnectionEnds& connection) {
  absl::MutexLock lock(&mu_);
  entries_.push_back({connection});
  if (++waiting_ > most_) CutLocked();
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

void ConnectionRoom::CutLocked() {
  std::vector<ConnectionEnds> waiting;
  for (const Entry& entry : entries_) {
    if (!entry.cut) waiting.push_back(entry.connection);
  }
  std::vector<ConnectionSocket> sockets = FindStuckSockets(waiting);
  if (sockets.empty() && waiting_ > most_at_all_) {
    if (const std::optional<int> fd = FindConnectionSocket(waiting.front())) {
      sockets.push_back({*fd, waiting.front()});
    }
  }
  for (const ConnectionSocket& socket : sockets) {
    if (waiting_ <= most_) return;
    for (Entry& entry : entries_) entry.cut |= entry.connection == socket.ends;
    --waiting_;
    // Under the lock: it is open until it leaves.
    shutdown(socket.fd, SHUT_RDWR);
    if (on_cut_) on_cut_();
  }
}

}  // namespace snapvit
