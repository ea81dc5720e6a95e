// Errors of calls and of items as absl::Status, with the details that the server attached.
#ifndef SNAPVIT_CLIENT_RPC_ERROR_H_
#define SNAPVIT_CLIENT_RPC_ERROR_H_

#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

namespace snapvit::client {

// Same code and message; the details become payloads (key: their type URL). Details that cannot be
// read are left out: the error itself always survives.
absl::Status FromRpcStatus(const grpc::Status& status);

// The error of one item. A code that is none becomes UNKNOWN, so that the result is never OK.
absl::Status FromRpcStatus(const google::rpc::Status& error);

// ErrorInfo.reason, for example "QUEUE_FULL"; nothing if the error has none.
std::optional<std::string> ErrorReason(const absl::Status& status);

// RetryInfo.retry_delay; nothing if the error has none: then a retry cannot help.
std::optional<absl::Duration> RetryDelay(const absl::Status& status);

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_RPC_ERROR_H_
