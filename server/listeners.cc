#include "server/listeners.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/status_page.h"

namespace snapvit {
namespace {

// Clients may keep idle connections alive, but not faster than this.
constexpr int kLeastPingIntervalMs = 10'000;
// For a peer to answer when it is asked whether it is still there.
constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(20);
// For the calls of a connection that has reached its age.
constexpr absl::Duration kAgeGrace = absl::Minutes(1);

int ToMilliseconds(absl::Duration time) {
  return static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(time), std::numeric_limits<int>::max()));
}

void Limit(const ConnectionLimits& limits, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(limits.max_message_bytes));
  grpc::ResourceQuota quota;
  quota.Resize(limits.max_message_memory);
  builder.SetResourceQuota(quota);
  const std::pair<const char*, int> arguments[] = {
      // It inflates any message to any size, and only then looks how large it is: a thousand times
      // what was sent. Services with large messages do it themselves (wire_message.h); names are
      // not made smaller by compression.
      {GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0},
      {GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(limits.max_header_bytes)},
      {GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_connection_calls},
      {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, ToMilliseconds(limits.handshake_time)},
      {GRPC_ARG_KEEPALIVE_TIME_MS, ToMilliseconds(limits.keepalive)},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ToMilliseconds(kKeepaliveTimeout)},
      {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
      {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kLeastPingIntervalMs},
      {GRPC_ARG_MAX_CONNECTION_IDLE_MS, ToMilliseconds(limits.connection_idle)},
      {GRPC_ARG_MAX_CONNECTION_AGE_MS, ToMilliseconds(limits.connection_age)},
      {GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, ToMilliseconds(kAgeGrace)},
  };
  for (const auto& [name, value] : arguments) builder.AddChannelArgument(name, value);
}

// Its library adds reflection to every server of a process.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins,
                  [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

using ExternalAcceptor = grpc::experimental::ExternalConnectionAcceptor;

// gRPC as the taker of connections.
std::function<void(int)> HandTo(std::unique_ptr<ExternalAcceptor> grpc) {
  return [grpc = std::shared_ptr<ExternalAcceptor>(std::move(grpc))](int connection) {
    ExternalAcceptor::NewConnectionParameters parameters;
    parameters.fd = connection;
    grpc->HandleNewConnection(&parameters);
  };
}

HttpResponse Readiness(const ServingState& state) {
  const ServingState::Snapshot now = state.Get();
  HttpResponse response;
  response.status = now.serving() ? 200 : 503;
  response.body =
      absl::StrFormat("{\"ready\":%s,\"state\":\"%s\",\"progress\":%.3f}\n",
                      now.serving() ? "true" : "false", PhaseName(now.phase), now.progress);
  return response;
}

}  // namespace

absl::StatusOr<GrpcListener> StartGrpc(const GrpcListenerOptions& options,
                                       std::span<grpc::Service* const> services) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  Acceptor::Options accept;
  accept.address = options.address;
  accept.max_connections = options.limits.max_connections;
  accept.on_refusal = options.on_refusal;
  absl::StatusOr<std::unique_ptr<Acceptor>> acceptor = Acceptor::Listen(std::move(accept));
  if (!acceptor.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot listen for gRPC on ", options.address.ToString(), " (", acceptor.status().message(),
        "), expected a local address with a free port (", options.flag, ")"));
  }
  GrpcListener listener;
  listener.acceptor = *std::move(acceptor);
  listener.address = listener.acceptor->address();
  listener.credentials =
      options.credentials != nullptr ? options.credentials : grpc::InsecureServerCredentials();
  grpc::ServerBuilder builder;
  Limit(options.limits, builder);
  if (!options.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
  for (grpc::Service* const service : services) builder.RegisterService(service);
  auto connections = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      listener.credentials);
  listener.server = builder.BuildAndStart();
  if (listener.server == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("gRPC cannot serve ", options.address.ToString(), " (", options.flag, ")"));
  }
  listener.acceptor->Start(HandTo(std::move(connections)));
  return listener;
}

void StopGrpc(GrpcListener& listener) {
  // It stays: scrapes ask it how many connections there are.
  if (listener.acceptor != nullptr) listener.acceptor->Stop();
  if (listener.server == nullptr) return;
  listener.server->Shutdown(std::chrono::system_clock::now());
  listener.server.reset();
}

absl::StatusOr<std::unique_ptr<HttpServer>> StartHttp(const HttpListenerOptions& options,
                                                      const StatusSources& sources, HttpApi* api) {
  HttpServer::Options http;
  http.address = options.address;
  http.max_head_bytes = options.max_header_bytes;
  http.on_head_cut = [metrics = options.metrics] { metrics->RecordRefusal(Refusal::kHttpHeads); };
  http.on_answer_cut = [metrics = options.metrics] { metrics->RecordRefusal(Refusal::kStalled); };
  http.routes["/"] = [] {
    return HttpResponse{200, "text/html; charset=utf-8", std::string(StatusPage())};
  };
  http.routes["/status.json"] = [sources] {
    return HttpResponse{200, "application/json", StatusJson(sources)};
  };
  http.routes["/metrics"] = [metrics = sources.metrics] {
    return HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", metrics->Expose()};
  };
  http.routes["/healthz"] = [] {
    return HttpResponse{200, "application/json", "{\"status\":\"ok\"}\n"};
  };
  http.routes["/readyz"] = [state = sources.state] { return Readiness(*state); };
  http.calls = api->Calls();
  // However many calls there are, pages have their threads.
  http.threads += api->max_calls();
  return HttpServer::Start(std::move(http));
}

}  // namespace snapvit
