// InferenceService: snapvit.v1.Inference over gRPC's callback API. Handlers only start calls;
// everything else happens in their events.
#ifndef SNAPVIT_SERVER_INFERENCE_SERVICE_H_
#define SNAPVIT_SERVER_INFERENCE_SERVICE_H_

#include "server/inference_context.h"
#include "snapvit/v1/inference.grpc.pb.h"

namespace snapvit {

// Thread-safe. Outlives the gRPC server that it is registered with.
class InferenceService final : public v1::Inference::CallbackService {
 public:
  explicit InferenceService(InferenceContext context) : context_(std::move(context)) {}

  grpc::ServerUnaryReactor* Embed(grpc::CallbackServerContext* rpc, const v1::EmbedRequest* request,
                                  v1::EmbedResponse* response) override;
  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* rpc,
                                     const v1::ClassifyRequest* request,
                                     v1::ClassifyResponse* response) override;
  grpc::ServerBidiReactor<v1::EmbedRequest, v1::EmbedResponse>* EmbedStream(
      grpc::CallbackServerContext* rpc) override;
  grpc::ServerBidiReactor<v1::ClassifyRequest, v1::ClassifyResponse>* ClassifyStream(
      grpc::CallbackServerContext* rpc) override;

 private:
  const InferenceContext context_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFERENCE_SERVICE_H_
