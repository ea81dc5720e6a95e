#include "server/models_service.h"

#include "core/base/status_macros.h"
#include "server/caller.h"
#include "server/model_info.h"
#include "server/small_call.h"

namespace snapvit {

grpc::ServerUnaryReactor* ModelsService::ListModels(grpc::CallbackServerContext* rpc,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  using Request = v1::ListModelsRequest;
  using Response = v1::ListModelsResponse;
  return AnswerSmallCall<Request, Response>(
      rpc, *request, response, [&](const Request&, Response* reply) {
        RETURN_IF_ERROR(authenticator_.Authenticate(Caller(*rpc)).status());
        *reply->add_models() = DescribeModel(state_.model_name(), state_.Get(), /*full=*/false);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* ModelsService::GetModel(grpc::CallbackServerContext* rpc,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  using Request = v1::GetModelRequest;
  return AnswerSmallCall<Request, v1::ModelInfo>(
      rpc, *request, response, [&](const Request& about, v1::ModelInfo* reply) {
        RETURN_IF_ERROR(authenticator_.Authenticate(Caller(*rpc)).status());
        RETURN_IF_ERROR(state_.CheckName(about.model()));
        *reply = DescribeModel(state_.model_name(), state_.Get(), /*full=*/true);
        return absl::OkStatus();
      });
}

}  // namespace snapvit
