#include "server/connection_socket.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <tuple>
#include <utility>

namespace snapvit {
namespace {

// States of linux/tcp.h's tcp_info, for which it has no names.
constexpr int kTcpEstablished = 1;
constexpr int kTcpCloseWait = 8;

struct Endpoint {
  std::string address;  // numeric
  uint16_t port = 0;
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

// Nothing if `fd` is no TCP connection.
std::optional<ConnectionEnds> EndsOf(int fd) {
  const std::optional<Endpoint> peer = EndpointOf(fd, &getpeername);
  if (!peer.has_value()) return std::nullopt;
  const std::optional<Endpoint> local = EndpointOf(fd, &getsockname);
  if (!local.has_value()) return std::nullopt;
  return ConnectionEnds{local->port, peer->address, peer->port};
}

// Whether something has come since the connection was made, or since it was last answered.
bool IsAsking(const tcp_info& info) {
  if (info.tcpi_bytes_received == 0) return false;
  return info.tcpi_data_segs_out == 0 || info.tcpi_last_data_recv < info.tcpi_last_data_sent;
}

// Calls `visit` with every TCP connection of this process.
void ForEachConnection(const std::function<void(int fd, const ConnectionEnds& ends)>& visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), &closedir);
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder.get())) {
    const int fd = std::atoi(entry->d_name);  // "." and ".." become 0, which is no such socket
    if (const std::optional<ConnectionEnds> ends = EndsOf(fd)) visit(fd, *ends);
  }
}

}  // namespace

std::optional<int> FindConnectionSocket(const ConnectionEnds& connection) {
  std::optional<int> found;
  ForEachConnection([&](int fd, const ConnectionEnds& ends) {
    if (ends == connection) found = fd;
  });
  return found;
}

std::vector<ConnectionSocket> FindSilentSockets(uint16_t local_port,
                                                std::span<const ConnectionEnds> busy) {
  struct Silent {
    bool is_asking = false;
    bool is_new = false;
    ConnectionSocket socket;
  };
  std::vector<Silent> found;
  ForEachConnection([&](int fd, const ConnectionEnds& ends) {
    tcp_info info = {};
    socklen_t size = sizeof(info);
    if (ends.local_port != local_port || std::find(busy.begin(), busy.end(), ends) != busy.end() ||
        getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
      return;
    }
    // What a client has sent is about to be read, however long that takes.
    int unread = 0;
    if (ioctl(fd, FIONREAD, &unread) != 0 || unread > 0) return;
    // What was cut already is as good as gone.
    if (info.tcpi_state != kTcpEstablished && info.tcpi_state != kTcpCloseWait) return;
    const uint32_t silent_ms = std::min(info.tcpi_last_data_recv, info.tcpi_last_data_sent);
    found.push_back({IsAsking(info), info.tcpi_bytes_received == 0, {fd, ends, silent_ms}});
  });
  std::stable_sort(found.begin(), found.end(), [](const Silent& a, const Silent& b) {
    return std::tuple(a.is_asking, b.socket.silent_ms, a.is_new) <
           std::tuple(b.is_asking, a.socket.silent_ms, b.is_new);
  });
  std::vector<ConnectionSocket> sockets;
  for (Silent& silent : found) sockets.push_back(std::move(silent.socket));
  return sockets;
}

std::vector<ConnectionSocket> FindStuckSockets(std::span<const ConnectionEnds> connections) {
  std::vector<ConnectionSocket> found(connections.size());
  ForEachConnection([&](int fd, const ConnectionEnds& ends) {
    const auto connection = std::find(connections.begin(), connections.end(), ends);
    int unsent = 0;
    if (connection == connections.end() || ioctl(fd, SIOCOUTQ, &unsent) != 0 || unsent == 0) return;
    found[connection - connections.begin()] = {.fd = fd, .ends = ends};
  });
  std::erase_if(found, [](const ConnectionSocket& socket) { return socket.fd < 0; });
  return found;
}

bool IsStillOpen(const ConnectionSocket& socket) { return EndsOf(socket.fd) == socket.ends; }

}  // namespace snapvit
