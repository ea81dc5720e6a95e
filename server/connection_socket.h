// The socket of a connection, which civetweb keeps to itself.
#ifndef SNAPVIT_SERVER_CONNECTION_SOCKET_H_
#define SNAPVIT_SERVER_CONNECTION_SOCKET_H_

#include <cstdint>
#include <optional>
#include <string>

namespace snapvit {

// The file descriptor of this process's TCP connection between its own `local_port` and
// `peer_address` (numeric), `peer_port`. While that connection is open there is exactly one.
std::optional<int> FindConnectionSocket(uint16_t local_port, const std::string& peer_address,
                                        uint16_t peer_port);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_CONNECTION_SOCKET_H_
