// ModelsService: snapvit.v1.Models over gRPC's callback API: what is served, in every state of the
// server.
#ifndef SNAPVIT_SERVER_MODELS_SERVICE_H_
#define SNAPVIT_SERVER_MODELS_SERVICE_H_

#include "server/authenticator.h"
#include "server/serving_state.h"
#include "snapvit/v1/models.grpc.pb.h"

namespace snapvit {

// Bytes come unparsed: wire_message.h.
using RawModels = v1::Models::WithRawCallbackMethod_ListModels<
    v1::Models::WithRawCallbackMethod_GetModel<v1::Models::Service>>;

// Thread-safe. Outlives the gRPC server that it is registered with; what it borrows outlives both.
class ModelsService final : public RawModels {
 public:
  ModelsService(const ServingState* state, const Authenticator* authenticator)
      : state_(*state), authenticator_(*authenticator) {}

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* rpc,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* rpc,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;

 private:
  const ServingState& state_;
  const Authenticator& authenticator_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_MODELS_SERVICE_H_
