// A TCP listener on a free port of 127.0.0.1, for tests that stand where a server's library does.
#ifndef SNAPVIT_TESTS_TESTING_LOOPBACK_LISTENER_H_
#define SNAPVIT_TESTS_TESTING_LOOPBACK_LISTENER_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#include "server/connection_socket.h"

namespace snapvit {

class LoopbackListener {
 public:
  LoopbackListener() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, /*backlog=*/100), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~LoopbackListener() { close(fd_); }
  LoopbackListener(const LoopbackListener&) = delete;
  LoopbackListener& operator=(const LoopbackListener&) = delete;

  uint16_t port() const { return port_; }

  // The next connection; the caller closes it.
  ConnectionSocket Accept() const {
    sockaddr_in peer = {};
    socklen_t size = sizeof(peer);
    const int fd = accept(fd_, reinterpret_cast<sockaddr*>(&peer), &size);
    EXPECT_GE(fd, 0);
    return {fd, {port_, "127.0.0.1", ntohs(peer.sin_port)}};
  }

 private:
  const int fd_;
  uint16_t port_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_LOOPBACK_LISTENER_H_
