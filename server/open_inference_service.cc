#include "server/open_inference_service.h"

#include "core/base/status_macros.h"
#include "server/caller.h"
#include "server/infer_metadata.h"
#include "server/infer_method.h"
#include "server/small_call.h"
#include "server/stream_call.h"
#include "server/unary_call.h"

namespace snapvit {
namespace {

constexpr char kServerName[] = "snapvit-server";

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

grpc::ServerUnaryReactor* OpenInferenceService::ServerLive(grpc::CallbackServerContext* rpc,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  using Request = inference::ServerLiveRequest;
  using Response = inference::ServerLiveResponse;
  return AnswerSmallCall<Request, Response>(rpc, *request, response,
                                            [&](const Request&, Response* reply) {
                                              reply->set_live(true);
                                              return absl::OkStatus();
                                            });
}

grpc::ServerUnaryReactor* OpenInferenceService::ServerReady(grpc::CallbackServerContext* rpc,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  using Request = inference::ServerReadyRequest;
  using Response = inference::ServerReadyResponse;
  return AnswerSmallCall<Request, Response>(rpc, *request, response,
                                            [&](const Request&, Response* reply) {
                                              reply->set_ready(context_.state->Get().serving());
                                              return absl::OkStatus();
                                            });
}

grpc::ServerUnaryReactor* OpenInferenceService::ModelReady(grpc::CallbackServerContext* rpc,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  using Request = inference::ModelReadyRequest;
  using Response = inference::ModelReadyResponse;
  return AnswerSmallCall<Request, Response>(
      rpc, *request, response, [&](const Request& about, Response* reply) {
        reply->set_ready(context_.state->ModelFor(about.name()).ok() &&
                         CheckModelVersion(about.version()).ok());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* OpenInferenceService::ServerMetadata(grpc::CallbackServerContext* rpc,
                                                               const grpc::ByteBuffer* request,
                                                               grpc::ByteBuffer* response) {
  using Request = inference::ServerMetadataRequest;
  using Response = inference::ServerMetadataResponse;
  return AnswerSmallCall<Request, Response>(
      rpc, *request, response, [&](const Request&, Response* reply) {
        RETURN_IF_ERROR(context_.authenticator->Authenticate(Caller(*rpc)).status());
        reply->set_name(kServerName);
        reply->set_version(version_);
        for (const char* extension : {"classification", "model_configuration", "parameters"}) {
          reply->add_extensions(extension);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* OpenInferenceService::ModelMetadata(grpc::CallbackServerContext* rpc,
                                                              const grpc::ByteBuffer* request,
                                                              grpc::ByteBuffer* response) {
  using Request = inference::ModelMetadataRequest;
  using Response = inference::ModelMetadataResponse;
  return AnswerSmallCall<Request, Response>(
      rpc, *request, response, [&](const Request& about, Response* reply) {
        ASSIGN_OR_RETURN(const std::shared_ptr<const ServedModel> model,
                         FindModel(context_, Caller(*rpc), about.name(), about.version()));
        DescribeInferModel(*model, reply);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* OpenInferenceService::ModelConfig(grpc::CallbackServerContext* rpc,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  using Request = inference::ModelConfigRequest;
  using Response = inference::ModelConfigResponse;
  return AnswerSmallCall<Request, Response>(
      rpc, *request, response, [&](const Request& about, Response* reply) {
        ASSIGN_OR_RETURN(const std::shared_ptr<const ServedModel> model,
                         FindModel(context_, Caller(*rpc), about.name(), about.version()));
        ConfigureInferModel(*model, reply->mutable_config());
        return absl::OkStatus();
      });
}

// Calls delete themselves in OnDone().
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks)

grpc::ServerUnaryReactor* OpenInferenceService::ModelInfer(grpc::CallbackServerContext* rpc,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return new UnaryCall<InferMethod>(&context_, rpc, request, response);
}

ByteStream* OpenInferenceService::ModelStreamInfer(grpc::CallbackServerContext* rpc) {
  return new StreamCall<InferMethod>(&context_, rpc);
}

// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

}  // namespace snapvit
