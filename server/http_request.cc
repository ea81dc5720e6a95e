#include "server/http_request.h"

#include <civetweb.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"
#include "server/host_port.h"

namespace snapvit {
namespace {

constexpr size_t kChunk = size_t{64} << 10;
// For a client that sends on although its request is refused already.
constexpr absl::Duration kDropTime = absl::Seconds(1);

absl::Status SlowBody(size_t bytes) {
  return WithReason(
      absl::DeadlineExceededError(absl::StrCat("only ", bytes, " bytes of the body came in time")),
      kReasonSlowBody);
}

absl::Status NoRoom() {
  return WithReason(
      absl::ResourceExhaustedError("no memory is left for the body: those of other HTTP calls that "
                                   "are on their way hold it (--max-message-memory)"),
      kReasonQueueFull);
}

}  // namespace

HttpRequest::HttpRequest(mg_connection* connection, SocketTimer* timer)
    : connection_(connection), timer_(*timer) {}

std::optional<int> HttpRequest::Socket() const {
  if (socket_.has_value()) return socket_;
  socket_ = FindConnectionSocket(EndsOf(connection_));
  return socket_;
}

ConnectionEnds EndsOf(const mg_connection* connection) {
  const mg_request_info* info = mg_get_request_info(connection);
  return {static_cast<uint16_t>(info->server_port), info->remote_addr,
          static_cast<uint16_t>(info->remote_port)};
}

bool HttpRequest::has_body() const {
  // Absent lengths are -1.
  return mg_get_request_info(connection_)->content_length > 0 ||
         !Headers("Transfer-Encoding").empty();
}

std::string HttpRequest::peer() const {
  const mg_request_info* info = mg_get_request_info(connection_);
  return HostPort{info->remote_addr, static_cast<uint16_t>(info->remote_port)}.ToString();
}

std::vector<std::string> HttpRequest::Headers(const std::string& name) const {
  const mg_request_info* info = mg_get_request_info(connection_);
  std::vector<std::string> values;
  for (int i = 0; i < info->num_headers; ++i) {
    if (absl::EqualsIgnoreCase(info->http_headers[i].name, name)) {
      values.emplace_back(info->http_headers[i].value);
    }
  }
  return values;
}

absl::StatusOr<std::string> HttpRequest::ReadBody(size_t max_bytes, absl::Duration time,
                                                  HttpBodyMemory::Share* share) {
  const int64_t length = mg_get_request_info(connection_)->content_length;
  if (length > static_cast<int64_t>(max_bytes)) {
    return WithReason(absl::ResourceExhaustedError(
                          absl::StrCat("the body has ", length, " bytes, expected at most ",
                                       max_bytes, " (--max-message-bytes)")),
                      kReasonTooLarge);
  }
  // Clients that say how much they have hear this before they send it. What is held is what has
  // come: promises take no room from others.
  if (length > 0 && share != nullptr && !share->HasRoomFor(static_cast<size_t>(length))) {
    return NoRoom();
  }
  const std::optional<int> socket = Socket();
  if (!socket.has_value()) return absl::InternalError("the connection has no socket");
  const SocketTimer::Guard guard(&timer_, *socket, time);
  AcceptBody(*socket);
  std::string body;
  if (length > 0) body.reserve(static_cast<size_t>(length));
  const absl::Status status = ReadInto(max_bytes, share, body);
  // That the time has passed looks as if the client had closed its side.
  if (guard.expired()) return SlowBody(body.size());
  RETURN_IF_ERROR(status);
  body_read_ = true;
  return body;
}

absl::Status HttpRequest::ReadInto(size_t max_bytes, HttpBodyMemory::Share* share,
                                   std::string& body) {
  std::vector<char> chunk(kChunk);
  while (true) {
    const int bytes = mg_read(connection_, chunk.data(), chunk.size());
    if (bytes < 0) return Unfinished(body.size());
    if (bytes == 0) break;
    if (share != nullptr && !share->Take(bytes)) return NoRoom();
    body.append(chunk.data(), bytes);
    if (body.size() > max_bytes) {
      return WithReason(absl::ResourceExhaustedError(
                            absl::StrCat("the body has more than ", max_bytes,
                                         " bytes, the most allowed (--max-message-bytes)")),
                        kReasonTooLarge);
    }
  }
  const int64_t length = mg_get_request_info(connection_)->content_length;
  return length > static_cast<int64_t>(body.size()) ? Unfinished(body.size()) : absl::OkStatus();
}

absl::Status HttpRequest::Unfinished(size_t bytes) const {
  // civetweb gives up on a client that sends nothing for a while, too.
  if (!ClientIsGone()) return SlowBody(bytes);
  return absl::CancelledError(
      absl::StrCat("the connection was closed after ", bytes, " bytes of the body"));
}

// Clients with large bodies ask first. Not by civetweb, which would take this for the answer.
void HttpRequest::AcceptBody(int socket) const {
  const std::vector<std::string> expected = Headers("Expect");
  if (expected.empty() || !absl::EqualsIgnoreCase(expected.front(), "100-continue")) return;
  constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";
  send(socket, kContinue, sizeof(kContinue) - 1, MSG_NOSIGNAL);
}

bool HttpRequest::ClientIsGone() const {
  const std::optional<int> socket = Socket();
  if (!socket.has_value()) return false;
  pollfd state = {*socket, POLLRDHUP, 0};
  return poll(&state, 1, /*timeout=*/0) == 1;
}

void HttpRequest::DropBody() {
  const std::optional<int> socket = Socket();
  if (!socket.has_value()) return;
  const SocketTimer::Guard guard(&timer_, *socket, kDropTime);
  std::vector<char> chunk(kChunk);
  while (mg_read(connection_, chunk.data(), chunk.size()) > 0) {
  }
}

void HttpRequest::StopReading() {
  if (const std::optional<int> socket = Socket()) shutdown(*socket, SHUT_RD);
}

}  // namespace snapvit
