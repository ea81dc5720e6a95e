// The least of an HTTP client.
#ifndef SNAPVIT_TESTS_TESTING_HTTP_CLIENT_H_
#define SNAPVIT_TESTS_TESTING_HTTP_CLIENT_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace snapvit {

// Sends `request` to 127.0.0.1:`port` and returns all that comes back until the peer closes.
inline std::string HttpExchange(uint16_t port, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string reply;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) reply.append(buffer, n);
  close(fd);
  return reply;
}

// The whole reply to a request without a body.
inline std::string HttpGet(uint16_t port, const std::string& path,
                           const std::string& method = "GET") {
  return HttpExchange(port,
                      method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_HTTP_CLIENT_H_
