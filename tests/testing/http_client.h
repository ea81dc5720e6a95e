// The least of an HTTP client.
#ifndef SNAPVIT_TESTS_TESTING_HTTP_CLIENT_H_
#define SNAPVIT_TESTS_TESTING_HTTP_CLIENT_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace snapvit {

// A connection to 127.0.0.1:`port`.
class HttpConnection {
 public:
  explicit HttpConnection(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~HttpConnection() { close(fd_); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void Send(const std::string& text) const {
    EXPECT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // What there is as soon as there is something; empty once the peer has closed.
  std::string Receive() const {
    char buffer[4096];
    const ssize_t bytes = recv(fd_, buffer, sizeof(buffer), 0);
    return bytes > 0 ? std::string(buffer, bytes) : "";
  }
  // All that comes until the peer closes.
  std::string ReceiveAll() const {
    std::string reply;
    for (std::string part; !(part = Receive()).empty();) reply += part;
    return reply;
  }
  // Whether something has come, or does within `time`.
  bool AwaitReply(absl::Duration time) const {
    pollfd state = {fd_, POLLIN, 0};
    return poll(&state, 1, static_cast<int>(absl::ToInt64Milliseconds(time))) == 1;
  }

 private:
  const int fd_;
};

// Sends `request` to 127.0.0.1:`port` and returns all that comes back until the peer closes.
inline std::string HttpExchange(uint16_t port, const std::string& request) {
  const HttpConnection connection(port);
  connection.Send(request);
  return connection.ReceiveAll();
}

// The whole reply to a request without a body.
inline std::string HttpGet(uint16_t port, const std::string& path,
                           const std::string& method = "GET") {
  return HttpExchange(port,
                      method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_HTTP_CLIENT_H_
