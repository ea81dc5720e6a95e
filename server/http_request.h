// HttpRequest: a request whose head has been read, as a handler sees it.
#ifndef SNAPVIT_SERVER_HTTP_REQUEST_H_
#define SNAPVIT_SERVER_HTTP_REQUEST_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/connection_socket.h"
#include "server/http_body_memory.h"
#include "server/socket_timer.h"

struct mg_connection;

namespace snapvit {

// The two ends of civetweb's connection.
ConnectionEnds EndsOf(const mg_connection* connection);

// Belongs to the thread that answers the request.
class HttpRequest {
 public:
  // Both are borrowed.
  HttpRequest(mg_connection* connection, SocketTimer* timer);

  // Address of the client, "127.0.0.1:1234".
  std::string peer() const;
  // The values of all headers of this name, in any case.
  std::vector<std::string> Headers(const std::string& name) const;

  // The whole body. Called once. What comes of it is taken from `share`; null: nobody counts it.
  // RESOURCE_EXHAUSTED: it has more than `max_bytes` (TOO_LARGE), or there is no room for it
  // (QUEUE_FULL); the rest of it is not read then. DEADLINE_EXCEEDED (kReasonSlowBody): it is not
  // there within `time`. CANCELLED: the client has closed the connection before its end.
  absl::StatusOr<std::string> ReadBody(size_t max_bytes, absl::Duration time,
                                       HttpBodyMemory::Share* share = nullptr);

  // Whether the client has closed the connection: nobody waits for the answer.
  bool ClientIsGone() const;

  // Whether there is a body at all.
  bool has_body() const;
  // Whether the body was read to its end: else what is left of it would be taken for the next
  // request.
  bool body_read() const { return body_read_; }
  // Reads the rest of the body, for a short time, so that a client that sends before it listens
  // gets the answer; if there is still more then, as StopReading().
  void DropBody();
  // Nothing more is read from the connection, also when it is closed.
  void StopReading();

 private:
  absl::Status ReadInto(size_t max_bytes, HttpBodyMemory::Share* share, std::string& body);
  std::optional<int> Socket() const;
  // Why reading has ended after `bytes` bytes of a longer body.
  absl::Status Unfinished(size_t bytes) const;
  void AcceptBody(int socket) const;

  mg_connection* const connection_;
  SocketTimer& timer_;
  mutable std::optional<int> socket_;  // found when it is first needed
  bool body_read_ = false;
};

// Reason of DEADLINE_EXCEEDED.
inline constexpr char kReasonSlowBody[] = "SLOW_BODY";

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HTTP_REQUEST_H_
