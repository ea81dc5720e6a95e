// Connections to a server, and what every call on them carries.
#ifndef SNAPVIT_CLIENT_CHANNEL_H_
#define SNAPVIT_CLIENT_CHANNEL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/client.h"

namespace snapvit::client {

// Whether `text`, without blanks, can be sent in a header: gRPC aborts where it cannot.
bool IsPrintableAscii(const std::string& text);

// INVALID_ARGUMENT, naming the option and its value, if a client cannot work with them.
absl::Status ValidateClientOptions(const ClientOptions& options);

// A channel that reconnects quickly and leaves retries to CallWithRetry.
std::shared_ptr<grpc::Channel> OpenChannel(const ClientOptions& options);

// The moment at which `time_left` has passed; the last one, for gRPC no deadline, if it is more
// than ten years or infinite.
std::chrono::system_clock::time_point DeadlineAfter(absl::Duration time_left);

// Adds the key and the deadline, as DeadlineAfter().
void PrepareContext(const ClientOptions& options, absl::Duration time_left,
                    grpc::ClientContext& context);

// The outcome of a call that `context` was used for.
Attempt MakeAttempt(const grpc::Status& status, const grpc::ClientContext& context);

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_CHANNEL_H_
