#include "server/front_end.h"

#include <grpcpp/health_check_service_interface.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "server/tls_credentials.h"

namespace snapvit {
namespace {

constexpr size_t kAdminConnections = 256;
constexpr int kRefusalLines = 5;  // of the log per window, for connections that were refused
constexpr absl::Duration kRefusalWindow = absl::Seconds(10);

HttpApi::Options HttpApiOptions(const ServerOptions& options) {
  HttpApi::Options http;
  http.max_body_bytes = options.connections.max_message_bytes;
  http.max_body_memory = options.connections.max_message_memory;
  http.max_calls = options.max_http_calls;
  http.certificates_only = !options.tls_client_ca.empty() && options.tenants.empty();
  return http;
}

double ConnectionsOf(const GrpcListener& listener) {
  return listener.acceptor == nullptr ? 0 : static_cast<double>(listener.acceptor->connections());
}

// Health checkers ask for the whole server ("") or for one service; all follow the model, but for
// `liveness`: a server that loads or drains must not be killed for it. Each by its name: setting
// all at once would take liveness along.
void TellHealth(grpc::Server& server, bool serving) {
  server.GetHealthCheckService()->SetServingStatus("liveness", true);
  for (const char* service : {"", "readiness", "snapvit.v1.Inference", "snapvit.v1.Models",
                              "inference.GRPCInferenceService"}) {
    server.GetHealthCheckService()->SetServingStatus(service, serving);
  }
}

// What the ready file says.
std::string Addresses(const FrontEnd& front_end) {
  // All are addresses: nothing in them needs to be escaped.
  return absl::StrCat("{\"listen\": \"", front_end.grpc_address().ToString(), "\", \"http\": \"",
                      front_end.http_address().ToString(), "\", \"admin\": \"",
                      front_end.admin_address().ToString(), "\", \"pid\": ", getpid(), "}\n");
}

}  // namespace

FrontEnd::FrontEnd(const FrontEndContext& context)
    : context_(context),
      refusal_log_(Clock::Monotonic(), kRefusalLines, kRefusalWindow),
      ready_file_(context.options->ready_file),
      inference_(context.inference),
      open_inference_(context.inference, context.status.version),
      models_(context.state, context.access->authenticator()),
      admin_(context.admin),
      http_api_(context.inference, HttpApiOptions(*context.options)) {}

FrontEnd::~FrontEnd() { StopGrpc(); }

absl::Status FrontEnd::Start() {
  RETURN_IF_ERROR(StartGrpcListeners());
  RETURN_IF_ERROR(StartHttpListener());
  context_.state->OnServingChanged([this](bool serving) { OnServingChanged(serving); });
  return absl::OkStatus();
}

absl::Status FrontEnd::StartGrpcListeners() {
  const ServerOptions& options = *context_.options;
  GrpcListenerOptions grpc;
  grpc.address = options.listen;
  grpc.flag = "--listen";
  grpc.limits = options.connections;
  grpc.reflection = options.reflection;
  grpc.on_refusal = [this](Acceptor::Refusal refusal) { OnRefusal(refusal); };
  if (context_.access->tls() != nullptr) {
    grpc.credentials = MakeTlsCredentials(context_.access->tls(), options.tls_client_auth);
  }
  grpc::Service* const services[] = {&inference_, &open_inference_, &models_};
  ASSIGN_OR_RETURN(grpc_, snapvit::StartGrpc(grpc, services));
  TellHealth(*grpc_.server, /*serving=*/false);

  GrpcListenerOptions admin;
  admin.address = options.admin_listen;
  admin.flag = "--admin-listen";
  admin.limits = options.connections;
  admin.limits.max_connections = kAdminConnections;
  admin.reflection = options.reflection;
  admin.on_refusal = grpc.on_refusal;
  grpc::Service* const admin_services[] = {&admin_};
  ASSIGN_OR_RETURN(admin_listener_, snapvit::StartGrpc(admin, admin_services));
  return absl::OkStatus();
}

absl::Status FrontEnd::StartHttpListener() {
  HttpListenerOptions http;
  http.address = context_.options->http;
  http.max_header_bytes = context_.options->connections.max_header_bytes;
  http.metrics = context_.metrics;
  ASSIGN_OR_RETURN(http_, StartHttp(http, context_.status, &http_api_));
  return absl::OkStatus();
}

void FrontEnd::StopGrpc() {
  snapvit::StopGrpc(grpc_);
  snapvit::StopGrpc(admin_listener_);
}

double FrontEnd::grpc_connections() const { return ConnectionsOf(grpc_); }
double FrontEnd::admin_connections() const { return ConnectionsOf(admin_listener_); }

void FrontEnd::OnServingChanged(bool serving) {
  TellHealth(*grpc_.server, serving);
  const absl::Status status =
      serving ? ready_file_.Write(Addresses(*this)) : ready_file_.Withdraw();
  if (status.ok()) return;
  context_.log->Error(serving ? "ready_file_not_written" : "ready_file_not_removed",
                      {{"reason", std::string(status.message())}});
}

void FrontEnd::OnRefusal(Acceptor::Refusal refusal) {
  const bool too_many = refusal == Acceptor::Refusal::kTooMany;
  context_.metrics->RecordRefusal(too_many ? Refusal::kConnections : Refusal::kDescriptors);
  const auto suppressed = refusal_log_.Admit();
  if (!suppressed.has_value()) return;
  context_.log->Warning("connection_refused",
                        {{"reason", too_many ? "as many as there may be (--max-connections)"
                                             : "no descriptor is left (ulimit -n)"},
                         {"suppressed", *suppressed}});
}

}  // namespace snapvit
