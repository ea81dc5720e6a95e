// FrontEnd: the ports of the server, what is offered on them, and what they say of its health.
#ifndef SNAPVIT_SERVER_FRONT_END_H_
#define SNAPVIT_SERVER_FRONT_END_H_

#include <memory>

#include "absl/status/status.h"
#include "server/access_files.h"
#include "server/admin_service.h"
#include "server/http_api.h"
#include "server/inference_context.h"
#include "server/inference_service.h"
#include "server/listeners.h"
#include "server/log.h"
#include "server/log_limiter.h"
#include "server/models_service.h"
#include "server/open_inference_service.h"
#include "server/options.h"
#include "server/ready_file.h"
#include "server/status_json.h"

namespace snapvit {

// What the services work with. All is borrowed, and outlives the front end.
struct FrontEndContext {
  const ServerOptions* options = nullptr;
  InferenceContext inference;
  AdminContext admin;
  StatusSources status;
  const AccessFiles* access = nullptr;
  ServingState* state = nullptr;  // tells the front end when requests are served
  Metrics* metrics = nullptr;
  const Logger* log = nullptr;
};

// Thread-compatible. The numbers of connections may be asked for on any thread from the start on;
// HTTP, which asks for them as metrics, starts last.
class FrontEnd {
 public:
  explicit FrontEnd(const FrontEndContext& context);
  ~FrontEnd();

  // Opens the ports. FAILED_PRECONDITION, with flag and address, if one cannot be bound.
  absl::Status Start();
  // Takes no more calls but over HTTP, where metrics and the status page go on, and cuts off what
  // is open.
  void StopGrpc();
  void StopHttp() { http_.reset(); }

  // With the real ports. REQUIRES: Start() has succeeded.
  HostPort grpc_address() const { return grpc_.address; }
  HostPort http_address() const { return http_->address(); }
  HostPort admin_address() const { return admin_listener_.address; }

  double grpc_connections() const;
  double admin_connections() const;

 private:
  absl::Status StartGrpcListeners();
  absl::Status StartHttpListener();
  void OnServingChanged(bool serving);
  void OnRefusal(Acceptor::Refusal refusal);

  const FrontEndContext context_;
  LogLimiter refusal_log_;  // of connections
  ReadyFile ready_file_;    // of OnServingChanged()
  InferenceService inference_;
  OpenInferenceService open_inference_;
  ModelsService models_;
  AdminService admin_;
  HttpApi http_api_;
  GrpcListener grpc_;
  GrpcListener admin_listener_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_FRONT_END_H_
