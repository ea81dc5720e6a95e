#include "server/inference_service.h"

#include "server/stream_call.h"
#include "server/unary_call.h"

namespace snapvit {

// Calls delete themselves in OnDone().
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks)

grpc::ServerUnaryReactor* InferenceService::Embed(grpc::CallbackServerContext* rpc,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  return new UnaryCall<EmbedMethod>(&context_, rpc, request, response);
}

grpc::ServerUnaryReactor* InferenceService::Classify(grpc::CallbackServerContext* rpc,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return new UnaryCall<ClassifyMethod>(&context_, rpc, request, response);
}

ByteStream* InferenceService::EmbedStream(grpc::CallbackServerContext* rpc) {
  return new StreamCall<EmbedMethod>(&context_, rpc);
}

ByteStream* InferenceService::ClassifyStream(grpc::CallbackServerContext* rpc) {
  return new StreamCall<ClassifyMethod>(&context_, rpc);
}

// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

}  // namespace snapvit
