// InferenceService: snapvit.v1.Inference over gRPC's callback API. Handlers only start calls;
// everything else happens in their events.
#ifndef SNAPVIT_SERVER_INFERENCE_SERVICE_H_
#define SNAPVIT_SERVER_INFERENCE_SERVICE_H_

#include "server/inference_context.h"
#include "server/wire_message.h"
#include "snapvit/v1/inference.grpc.pb.h"

namespace snapvit {

// Bytes come unparsed: wire_message.h.
using RawInference = v1::Inference::WithRawCallbackMethod_Embed<
    v1::Inference::WithRawCallbackMethod_Classify<v1::Inference::WithRawCallbackMethod_EmbedStream<
        v1::Inference::WithRawCallbackMethod_ClassifyStream<v1::Inference::Service>>>>;

// Thread-safe. Outlives the gRPC server that it is registered with.
class InferenceService final : public RawInference {
 public:
  explicit InferenceService(InferenceContext context) : context_(std::move(context)) {}

  grpc::ServerUnaryReactor* Embed(grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* rpc,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  ByteStream* EmbedStream(grpc::CallbackServerContext* rpc) override;
  ByteStream* ClassifyStream(grpc::CallbackServerContext* rpc) override;

 private:
  const InferenceContext context_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFERENCE_SERVICE_H_
