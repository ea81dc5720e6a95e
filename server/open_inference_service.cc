#include "server/open_inference_service.h"

#include "core/base/status_macros.h"
#include "server/caller.h"
#include "server/infer_metadata.h"
#include "server/infer_method.h"
#include "server/stream_call.h"
#include "server/unary_call.h"
#include "server/unary_reply.h"

namespace snapvit {
namespace {

constexpr char kServerName[] = "snapvit-server";

grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* rpc, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  FinishUnary(rpc, reactor, status);
  return reactor;
}

// The model that a tenant asks about.
absl::StatusOr<std::shared_ptr<const ServedModel>> FindModel(const InferenceContext& context,
                                                             const Caller& caller,
                                                             const std::string& name,
                                                             const std::string& version) {
  RETURN_IF_ERROR(context.authenticator->Authenticate(caller).status());
  RETURN_IF_ERROR(CheckModelVersion(version));
  return context.state->ModelFor(name);
}

}  // namespace

grpc::ServerUnaryReactor* OpenInferenceService::ServerLive(
    grpc::CallbackServerContext* rpc, const inference::ServerLiveRequest*,
    inference::ServerLiveResponse* response) {
  response->set_live(true);
  return Reply(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* OpenInferenceService::ServerReady(
    grpc::CallbackServerContext* rpc, const inference::ServerReadyRequest*,
    inference::ServerReadyResponse* response) {
  response->set_ready(context_.state->Get().serving());
  return Reply(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* OpenInferenceService::ModelReady(
    grpc::CallbackServerContext* rpc, const inference::ModelReadyRequest* request,
    inference::ModelReadyResponse* response) {
  response->set_ready(context_.state->ModelFor(request->name()).ok() &&
                      CheckModelVersion(request->version()).ok());
  return Reply(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* OpenInferenceService::ServerMetadata(
    grpc::CallbackServerContext* rpc, const inference::ServerMetadataRequest*,
    inference::ServerMetadataResponse* response) {
  const absl::Status known = context_.authenticator->Authenticate(Caller(*rpc)).status();
  if (!known.ok()) return Reply(rpc, known);
  response->set_name(kServerName);
  response->set_version(version_);
  for (const char* extension : {"classification", "model_configuration", "parameters"}) {
    response->add_extensions(extension);
  }
  return Reply(rpc, absl::OkStatus());
}

grpc::ServerUnaryReactor* OpenInferenceService::ModelMetadata(
    grpc::CallbackServerContext* rpc, const inference::ModelMetadataRequest* request,
    inference::ModelMetadataResponse* response) {
  const auto model = FindModel(context_, Caller(*rpc), request->name(), request->version());
  if (model.ok()) DescribeInferModel(**model, response);
  return Reply(rpc, model.status());
}

grpc::ServerUnaryReactor* OpenInferenceService::ModelConfig(
    grpc::CallbackServerContext* rpc, const inference::ModelConfigRequest* request,
    inference::ModelConfigResponse* response) {
  const auto model = FindModel(context_, Caller(*rpc), request->name(), request->version());
  if (model.ok()) ConfigureInferModel(**model, response->mutable_config());
  return Reply(rpc, model.status());
}

// Calls delete themselves in OnDone().
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks)

grpc::ServerUnaryReactor* OpenInferenceService::ModelInfer(
    grpc::CallbackServerContext* rpc, const inference::ModelInferRequest* request,
    inference::ModelInferResponse* response) {
  return new UnaryCall<InferMethod>(&context_, rpc, request, response);
}

grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse>*
OpenInferenceService::ModelStreamInfer(grpc::CallbackServerContext* rpc) {
  return new StreamCall<InferMethod>(&context_, rpc);
}

// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

}  // namespace snapvit
