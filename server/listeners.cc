#include "server/listeners.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/status_page.h"

namespace snapvit {
namespace {

// Clients may keep idle connections alive, but not faster than this.
constexpr int kLeastPingIntervalMs = 10'000;

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
  grpc::ServerBuilder builder;
  int port = 0;
  const auto credentials =
      options.credentials != nullptr ? options.credentials : grpc::InsecureServerCredentials();
  builder.AddListeningPort(options.address.ToString(), credentials, &port);
  // Two servers on one port would share its connections unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kLeastPingIntervalMs);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(options.max_message_bytes));
  for (grpc::Service* const service : services) builder.RegisterService(service);
  GrpcListener listener;
  listener.credentials = credentials;
  listener.server = builder.BuildAndStart();
  if (listener.server == nullptr || port == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen for gRPC on ", options.address.ToString(),
                     ", expected a local address with a free port (", options.flag, ")"));
  }
  listener.address = {options.address.host, static_cast<uint16_t>(port)};
  return listener;
}

absl::StatusOr<std::unique_ptr<HttpServer>> StartHttp(const HostPort& address,
                                                      const StatusSources& sources, HttpApi* api) {
  HttpServer::Options http;
  http.address = address;
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
