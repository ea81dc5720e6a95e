#include "server/models_service.h"

#include "server/model_info.h"
#include "server/rpc_status.h"

namespace snapvit {

grpc::ServerUnaryReactor* ModelsService::ListModels(grpc::CallbackServerContext* rpc,
                                                    const v1::ListModelsRequest*,
                                                    v1::ListModelsResponse* response) {
  *response->add_models() = DescribeModel(state_.model_name(), state_.Get(), /*full=*/false);
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* ModelsService::GetModel(grpc::CallbackServerContext* rpc,
                                                  const v1::GetModelRequest* request,
                                                  v1::ModelInfo* response) {
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  const absl::Status named = state_.CheckName(request->model());
  if (named.ok()) {
    *response = DescribeModel(state_.model_name(), state_.Get(), /*full=*/true);
    reactor->Finish(grpc::Status::OK);
  } else {
    const RpcError error = ToRpcError(named);
    rpc->AddTrailingMetadata(kPushbackTrailer, error.pushback_ms);
    reactor->Finish(error.status);
  }
  return reactor;
}

}  // namespace snapvit
