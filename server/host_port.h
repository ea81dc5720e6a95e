// HostPort: where a listener binds, as "host:port".
#ifndef SNAPVIT_SERVER_HOST_PORT_H_
#define SNAPVIT_SERVER_HOST_PORT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace snapvit {

struct HostPort {
  std::string host;   // name or address; an IPv6 address without its brackets
  uint16_t port = 0;  // 0: any free port

  // "host:port", with brackets around an IPv6 address.
  std::string ToString() const;
  // Whether it can be reached from this machine only.
  bool IsLoopback() const;
  bool operator==(const HostPort&) const = default;
};

// Parses "127.0.0.1:50051", "localhost:0", "[::1]:8080". INVALID_ARGUMENT says what is expected.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HOST_PORT_H_
