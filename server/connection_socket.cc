#include "server/connection_socket.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>

namespace snapvit {
namespace {

struct Endpoint {
  std::string address;  // numeric
  uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

std::string Numeric(int family, const void* address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family, address, text, sizeof(text));
  return text;
}

// `get`: getsockname or getpeername.
std::optional<Endpoint> EndpointOf(int fd, decltype(getsockname)* get) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (get(fd, address, &size) != 0) return std::nullopt;
  if (storage.ss_family == AF_INET) {
    const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(&storage);
    return Endpoint{Numeric(AF_INET, &ipv4->sin_addr), ntohs(ipv4->sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    return Endpoint{Numeric(AF_INET6, &ipv6->sin6_addr), ntohs(ipv6->sin6_port)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> FindConnectionSocket(uint16_t local_port, const std::string& peer_address,
                                        uint16_t peer_port) {
  const Endpoint peer{peer_address, peer_port};
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), &closedir);
  if (folder == nullptr) return std::nullopt;
  while (const dirent* entry = readdir(folder.get())) {
    const int fd = std::atoi(entry->d_name);  // "." and ".." become 0, which is no such socket
    if (EndpointOf(fd, &getpeername) != peer) continue;
    const std::optional<Endpoint> local = EndpointOf(fd, &getsockname);
    if (local.has_value() && local->port == local_port) return fd;
  }
  return std::nullopt;
}

}  // namespace snapvit
