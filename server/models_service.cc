#include "server/models_service.h"

#include "core/base/status_macros.h"
#include "server/caller.h"
#include "server/model_info.h"
#include "server/unary_reply.h"

namespace snapvit {

grpc::ServerUnaryReactor* ModelsService::ListModels(grpc::CallbackServerContext* rpc,
                                                    const v1::ListModelsRequest*,
                                                    v1::ListModelsResponse* response) {
  const auto list = [&] {
    RETURN_IF_ERROR(authenticator_.Authenticate(Caller(*rpc)).status());
    *response->add_models() = DescribeModel(state_.model_name(), state_.Get(), /*full=*/false);
    return absl::OkStatus();
  };
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  FinishUnary(rpc, reactor, list());
  return reactor;
}

grpc::ServerUnaryReactor* ModelsService::GetModel(grpc::CallbackServerContext* rpc,
                                                  const v1::GetModelRequest* request,
                                                  v1::ModelInfo* response) {
  const auto get = [&] {
    RETURN_IF_ERROR(authenticator_.Authenticate(Caller(*rpc)).status());
    RETURN_IF_ERROR(state_.CheckName(request->model()));
    *response = DescribeModel(state_.model_name(), state_.Get(), /*full=*/true);
    return absl::OkStatus();
  };
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  FinishUnary(rpc, reactor, get());
  return reactor;
}

}  // namespace snapvit
