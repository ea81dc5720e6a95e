// The listeners of the server, and what they answer.
#ifndef SNAPVIT_SERVER_LISTENERS_H_
#define SNAPVIT_SERVER_LISTENERS_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "server/acceptor.h"
#include "server/connection_limits.h"
#include "server/host_port.h"
#include "server/http_api.h"
#include "server/http_server.h"
#include "server/metrics.h"
#include "server/serving_state.h"
#include "server/status_json.h"

namespace snapvit {

struct GrpcListenerOptions {
  HostPort address;       // port 0: any free one
  const char* flag = "";  // that the address came from, for messages
  ConnectionLimits limits;
  bool reflection = true;
  std::function<void(Acceptor::Refusal)> on_refusal;     // of a connection; may be empty
  std::shared_ptr<grpc::ServerCredentials> credentials;  // null: connections are not encrypted
};

struct GrpcListener {
  std::shared_ptr<grpc::ServerCredentials> credentials;  // lives longer than the server
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<Acceptor> acceptor;
  HostPort address;  // with the real port
};

// Serves `services`, which outlive the listener, with health and, if asked for, reflection beside
// them. FAILED_PRECONDITION, with the address, if it cannot be bound.
absl::StatusOr<GrpcListener> StartGrpc(const GrpcListenerOptions& options,
                                       std::span<grpc::Service* const> services);
// Takes no more connections and cuts off what is open. Does nothing to one that was never started.
void StopGrpc(GrpcListener& listener);

struct HttpListenerOptions {
  HostPort address;  // port 0: any free one
  size_t max_header_bytes = size_t{16} << 10;
  Metrics* metrics = nullptr;  // of connections that make way; borrowed
};

// The status page (/) with its document (/status.json), /metrics, /healthz (200 while the process
// lives) and /readyz (200 while requests are served, else 503 with state and progress), and the
// calls of `api`, which is borrowed. Errors as StartGrpc().
absl::StatusOr<std::unique_ptr<HttpServer>> StartHttp(const HttpListenerOptions& options,
                                                      const StatusSources& sources, HttpApi* api);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_LISTENERS_H_
