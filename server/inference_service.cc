#include "server/inference_service.h"

#include "server/stream_call.h"
#include "server/unary_call.h"

namespace snapvit {

// Calls delete themselves in OnDone().
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks)

grpc::ServerUnaryReactor* InferenceService::Embed(grpc::CallbackServerContext* rpc,
                                                  const v1::EmbedRequest* request,
                                                  v1::EmbedResponse* response) {
  return new UnaryCall<EmbedMethod>(&context_, rpc, request, response);
}

grpc::ServerUnaryReactor* InferenceService::Classify(grpc::CallbackServerContext* rpc,
                                                     const v1::ClassifyRequest* request,
                                                     v1::ClassifyResponse* response) {
  return new UnaryCall<ClassifyMethod>(&context_, rpc, request, response);
}

grpc::ServerBidiReactor<v1::EmbedRequest, v1::EmbedResponse>* InferenceService::EmbedStream(
    grpc::CallbackServerContext* rpc) {
  return new StreamCall<EmbedMethod>(&context_, rpc);
}

grpc::ServerBidiReactor<v1::ClassifyRequest, v1::ClassifyResponse>*
InferenceService::ClassifyStream(grpc::CallbackServerContext* rpc) {
  return new StreamCall<ClassifyMethod>(&context_, rpc);
}

// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

}  // namespace snapvit
