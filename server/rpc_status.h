// The one place where an absl::Status becomes what a client sees: a grpc::Status with
// google.rpc.ErrorInfo, and with RetryInfo and the pushback trailer where a retry can help; or the
// google.rpc.Status of one item.
#ifndef SNAPVIT_SERVER_RPC_STATUS_H_
#define SNAPVIT_SERVER_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

namespace snapvit {

// Trailing metadata: milliseconds after which a client may retry by itself, or -1: it must not.
inline constexpr char kPushbackTrailer[] = "grpc-retry-pushback-ms";

struct RpcError {
  grpc::Status status;  // code, message, and the serialised google.rpc.Status as details
  std::string reason;   // of ErrorInfo, for logs and metrics
  std::optional<absl::Duration> retry_after;  // nothing: a retry cannot help
  std::string pushback_ms;                    // the same as value of kPushbackTrailer
};

// REQUIRES: !status.ok().
RpcError ToRpcError(const absl::Status& status);

// The error of an item in a reply: same code, message and details. REQUIRES: !status.ok().
google::rpc::Status ToItemError(const absl::Status& status);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_RPC_STATUS_H_
