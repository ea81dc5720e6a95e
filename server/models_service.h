// ModelsService: snapvit.v1.Models over gRPC's callback API: what is served, in every state of the
// server.
#ifndef SNAPVIT_SERVER_MODELS_SERVICE_H_
#define SNAPVIT_SERVER_MODELS_SERVICE_H_

#include "server/serving_state.h"
#include "snapvit/v1/models.grpc.pb.h"

namespace snapvit {

// Thread-safe. Outlives the gRPC server that it is registered with; `state` is borrowed and
// outlives both.
class ModelsService final : public v1::Models::CallbackService {
 public:
  explicit ModelsService(const ServingState* state) : state_(*state) {}

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* rpc,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* rpc,
                                     const v1::GetModelRequest* request,
                                     v1::ModelInfo* response) override;

 private:
  const ServingState& state_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_MODELS_SERVICE_H_
