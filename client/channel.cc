#include "client/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "absl/strings/str_cat.h"
#include "client/rpc_error.h"

namespace snapvit::client {
namespace {

constexpr char kPushbackTrailer[] = "grpc-retry-pushback-ms";
// gRPC waits 1 s before it connects again, and up to 2 minutes: longer than a retry does.
constexpr int kFirstReconnectMs = 100;
constexpr int kLastReconnectMs = 2000;
// Nobody waits longer, and some hundred years would overflow the clock.
constexpr absl::Duration kLongestTimeLeft = absl::Hours(24 * 365 * 10);

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const ClientOptions& options) {
  if (!options.tls.has_value()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = options.tls->authorities;
  ssl.pem_cert_chain = options.tls->certificate_chain;
  ssl.pem_private_key = options.tls->private_key;
  return grpc::SslCredentials(ssl);
}

}  // namespace

bool IsPrintableAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

absl::Status ValidateClientOptions(const ClientOptions& options) {
  if (options.target.empty()) {
    return absl::InvalidArgumentError("target is empty, expected HOST:PORT");
  }
  // The key is a secret: it is not repeated.
  if (!IsPrintableAscii(options.api_key)) {
    return absl::InvalidArgumentError(
        "api_key has characters other than printable ASCII: it cannot be sent in a header");
  }
  if (options.tls.has_value() &&
      options.tls->certificate_chain.empty() != options.tls->private_key.empty()) {
    return absl::InvalidArgumentError(
        options.tls->private_key.empty()
            ? "tls.certificate_chain is given without tls.private_key, expected both or none"
            : "tls.private_key is given without tls.certificate_chain, expected both or none");
  }
  constexpr size_t kMostBytes = std::numeric_limits<int>::max();
  if (options.max_message_bytes < 1 || options.max_message_bytes > kMostBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_message_bytes is ", options.max_message_bytes, ", expected 1 to ", kMostBytes));
  }
  if (options.request.images < 1) {
    return absl::InvalidArgumentError("request.images is 0, expected at least 1");
  }
  if (options.max_requests_in_flight < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_requests_in_flight is ", options.max_requests_in_flight, ", expected at least 1"));
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::Channel> OpenChannel(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(static_cast<int>(options.max_message_bytes));
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // CallWithRetry knows the deadline and the reasons
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLastReconnectMs);
  if (options.own_connection) arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (options.tls.has_value() && !options.tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls->server_name);
  }
  return grpc::CreateCustomChannel(options.target, CredentialsOf(options), arguments);
}

std::chrono::system_clock::time_point DeadlineAfter(absl::Duration time_left) {
  if (time_left > kLongestTimeLeft) return std::chrono::system_clock::time_point::max();
  return std::chrono::system_clock::now() + absl::ToChronoMicroseconds(time_left);
}

void PrepareContext(const ClientOptions& options, absl::Duration time_left,
                    grpc::ClientContext& context) {
  if (!options.api_key.empty()) {
    context.AddMetadata("authorization", absl::StrCat("Bearer ", options.api_key));
  }
  context.set_deadline(DeadlineAfter(time_left));
}

Attempt MakeAttempt(const grpc::Status& status, const grpc::ClientContext& context) {
  Attempt attempt;
  attempt.status = FromRpcStatus(status);
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto pushback = trailers.find(kPushbackTrailer);
  if (pushback != trailers.end()) {
    attempt.pushback_ms = std::string(pushback->second.data(), pushback->second.size());
  }
  return attempt;
}

}  // namespace snapvit::client
