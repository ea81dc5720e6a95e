// The two listeners of the server, and what they answer.
#ifndef SNAPVIT_SERVER_LISTENERS_H_
#define SNAPVIT_SERVER_LISTENERS_H_

#include <grpcpp/server.h>

#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "server/host_port.h"
#include "server/http_server.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/serving_state.h"

namespace snapvit {

struct GrpcListener {
  std::unique_ptr<grpc::Server> server;
  HostPort address;  // with the real port
};

// Serves `services`, which outlive the listener, with health and reflection beside them.
// FAILED_PRECONDITION, with the address, if it cannot be bound.
absl::StatusOr<GrpcListener> StartGrpc(const ServerOptions& options,
                                       std::span<grpc::Service* const> services);

// /metrics, /healthz (200 while the process lives) and /readyz (200 while requests are served, else
// 503 with state and progress). All are borrowed. Errors as StartGrpc().
absl::StatusOr<std::unique_ptr<HttpServer>> StartHttp(const ServerOptions& options,
                                                      const Metrics* metrics,
                                                      const ServingState* state);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_LISTENERS_H_
