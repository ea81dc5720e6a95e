// ModelsService: snapvit.v1.Models over gRPC's callback API: what is served, in every state of the
// server.
#ifndef SNAPVIT_SERVER_MODELS_SERVICE_H_
#define SNAPVIT_SERVER_MODELS_SERVICE_H_

#include "server/authenticator.h"
#include "server/serving_state.h"
#include "snapvit/v1/models.grpc.pb.h"

namespace snapvit {

// Thread-safe. Outlives the gRPC server that it is registered with; what it borrows outlives both.
class ModelsService final : public v1::Models::CallbackService {
 public:
  ModelsService(const ServingState* state, const Authenticator* authenticator)
      : state_(*state), authenticator_(*authenticator) {}

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* rpc,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* rpc,
                                     const v1::GetModelRequest* request,
                                     v1::ModelInfo* response) override;

 private:
  const ServingState& state_;
  const Authenticator& authenticator_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_MODELS_SERVICE_H_
