// The least of an HTTP/2 client, for frames that no library would send.
#ifndef SNAPVIT_TESTS_TESTING_HTTP2_CLIENT_H_
#define SNAPVIT_TESTS_TESTING_HTTP2_CLIENT_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace snapvit {

struct Http2Frame {
  enum Type : uint8_t {
    kData = 0,
    kHeaders = 1,
    kReset = 3,
    kSettings = 4,
    kPing = 6,
    kGoAway = 7,
    kWindowUpdate = 8,
    kContinuation = 9,
  };
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;
};

inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kEndHeaders = 4;

using Http2Headers = std::vector<std::pair<std::string, std::string>>;

// `text` as gRPC's message on the wire.
inline std::string GrpcMessage(const std::string& text, size_t announced) {
  std::string message(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    message += static_cast<char>(announced >> shift & 0xFF);
  }
  return message + text;
}

// A block of headers, written out one by one (HPACK without its tables).
inline std::string HeaderBlock(const Http2Headers& headers) {
  std::string block;
  const auto add = [&block](const std::string& text) {
    size_t rest = text.size();
    if (rest < 127) {
      block += static_cast<char>(rest);
    } else {
      block += '\x7F';
      for (rest -= 127; rest >= 128; rest /= 128) block += static_cast<char>(rest % 128 | 128);
      block += static_cast<char>(rest);
    }
    block += text;
  };
  for (const auto& [name, value] : headers) {
    block += '\0';
    add(name);
    add(value);
  }
  return block;
}

inline Http2Headers GrpcHeaders(const std::string& path, const Http2Headers& more = {}) {
  Http2Headers headers = {{":method", "POST"}, {":scheme", "http"},
                          {":path", path},     {":authority", "test"},
                          {"te", "trailers"},  {"content-type", "application/grpc"}};
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

// A connection to 127.0.0.1:`port`.
class Http2Connection {
 public:
  // `greet`: sends the preface and empty settings, as every client must.
  explicit Http2Connection(uint16_t port, bool greet = true)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    if (!greet) return;
    SendRaw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    Send(Http2Frame::kSettings, 0, 0, "");
  }
  ~Http2Connection() { close(fd_); }
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  bool connected() const { return connected_; }

  // Whether all of it could be sent: not once the peer has closed.
  bool SendRaw(const std::string& bytes) const {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  bool Send(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) const {
    std::string frame;
    for (int shift = 16; shift >= 0; shift -= 8) {
      frame += static_cast<char>(payload.size() >> shift & 0xFF);
    }
    frame += static_cast<char>(type);
    frame += static_cast<char>(flags);
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(stream >> shift & 0xFF);
    return SendRaw(frame + payload);
  }
  // Begins a call.
  bool Call(uint32_t stream, const Http2Headers& headers, uint8_t flags = kEndHeaders) const {
    return Send(Http2Frame::kHeaders, flags, stream, HeaderBlock(headers));
  }

  // The next frame; nothing once the peer has closed, or if none comes within `time`.
  std::optional<Http2Frame> Receive(absl::Duration time = absl::Seconds(20)) {
    while (true) {
      if (auto frame = TakeFrame()) return frame;
      pollfd state = {fd_, POLLIN, 0};
      if (poll(&state, 1, static_cast<int>(absl::ToInt64Milliseconds(time))) != 1) return {};
      char buffer[65536];
      const ssize_t bytes = recv(fd_, buffer, sizeof(buffer), 0);
      if (bytes <= 0) {
        closed_ = true;
        return {};
      }
      received_.append(buffer, bytes);
    }
  }
  // The next frame of that type; nothing as Receive().
  std::optional<Http2Frame> Await(Http2Frame::Type type, absl::Duration time = absl::Seconds(20)) {
    while (auto frame = Receive(time)) {
      if (frame->type == type) return frame;
    }
    return {};
  }
  // Whether the peer closes the connection before it is silent for `time`.
  bool AwaitClose(absl::Duration time = absl::Seconds(20)) {
    while (Receive(time)) {
    }
    return closed_;
  }

 private:
  std::optional<Http2Frame> TakeFrame() {
    const auto byte = [this](size_t i) { return static_cast<uint8_t>(received_[i]); };
    if (received_.size() < 9) return {};
    const size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (received_.size() < 9 + size) return {};
    Http2Frame frame;
    frame.type = byte(3);
    frame.flags = byte(4);
    frame.stream = (uint32_t{byte(5)} << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) & 0x7FFFFFFF;
    frame.payload = received_.substr(9, size);
    received_.erase(0, 9 + size);
    return frame;
  }

  const int fd_;
  bool connected_ = false;
  bool closed_ = false;
  std::string received_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_HTTP2_CLIENT_H_
