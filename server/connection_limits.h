// ConnectionLimits: what the peers of one gRPC listener may take up.
#ifndef SNAPVIT_SERVER_CONNECTION_LIMITS_H_
#define SNAPVIT_SERVER_CONNECTION_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace snapvit {

// The initialisers are the defaults of the options of the same names (server/option_table.cc).
struct ConnectionLimits {
  size_t max_message_bytes = size_t{64} << 20;  // of one message, in either direction
  size_t max_header_bytes = size_t{16} << 10;   // of all headers of one call
  // Of all messages that are on their way in: nobody has been asked who they are by then. Near it
  // gRPC gives calls up.
  size_t max_message_memory = size_t{1} << 30;
  size_t max_connections = 16384;
  int max_connection_calls = 1024;                           // at the same time
  absl::Duration handshake_time = absl::Seconds(10);         // TLS and the first frames of HTTP/2
  absl::Duration keepalive = absl::Minutes(1);               // a silent peer is asked, then dropped
  absl::Duration connection_idle = absl::Minutes(30);        // without a call
  absl::Duration connection_age = absl::InfiniteDuration();  // then no new calls, and soon the end
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_CONNECTION_LIMITS_H_
