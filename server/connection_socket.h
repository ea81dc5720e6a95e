// The socket of a connection, which civetweb keeps to itself.
#ifndef SNAPVIT_SERVER_CONNECTION_SOCKET_H_
#define SNAPVIT_SERVER_CONNECTION_SOCKET_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace snapvit {

// Names a TCP connection of this process while it is open.
struct ConnectionEnds {
  uint16_t local_port = 0;
  std::string peer_address;  // numeric
  uint16_t peer_port = 0;
  bool operator==(const ConnectionEnds&) const = default;
};

// The file descriptor of the connection. While it is open there is exactly one.
std::optional<int> FindConnectionSocket(const ConnectionEnds& connection);

struct ConnectionSocket {
  int fd = -1;
  ConnectionEnds ends;
  uint32_t silent_ms = 0;  // of FindSilentSockets: since something has come or gone
};

// Of the connections of this process at `local_port`, without those in `busy`, the ones on which
// nothing waits to be read, the most silent first: those on which nothing has come yet, or nothing
// since they were answered, then those with a part of a request, each by the time since something
// has come or gone. (The kernel counts it in milliseconds; of equal ones those that were answered
// come first.)
std::vector<ConnectionSocket> FindSilentSockets(uint16_t local_port,
                                                std::span<const ConnectionEnds> busy);

// Those of `connections`, in their order, whose peers have not yet taken what was sent to them.
std::vector<ConnectionSocket> FindStuckSockets(std::span<const ConnectionEnds> connections);

// Whether the descriptor is still that connection's.
bool IsStillOpen(const ConnectionSocket& socket);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_CONNECTION_SOCKET_H_
