// OpenInferenceService: the Open Inference Protocol v2 over gRPC's callback API, for clients of
// Triton and KServe. Requests take the path of snapvit.v1.Inference.
#ifndef SNAPVIT_SERVER_OPEN_INFERENCE_SERVICE_H_
#define SNAPVIT_SERVER_OPEN_INFERENCE_SERVICE_H_

#include <string>
#include <utility>

#include "inference/grpc_service.grpc.pb.h"
#include "server/inference_context.h"
#include "server/wire_message.h"

namespace snapvit {

// Bytes come unparsed: wire_message.h.
using InferenceProtocol = inference::GRPCInferenceService;
using RawOpenInference = InferenceProtocol::WithRawCallbackMethod_ServerLive<
    InferenceProtocol::WithRawCallbackMethod_ServerReady<
        InferenceProtocol::WithRawCallbackMethod_ModelReady<
            InferenceProtocol::WithRawCallbackMethod_ServerMetadata<
                InferenceProtocol::WithRawCallbackMethod_ModelMetadata<
                    InferenceProtocol::WithRawCallbackMethod_ModelConfig<
                        InferenceProtocol::WithRawCallbackMethod_ModelInfer<
                            InferenceProtocol::WithRawCallbackMethod_ModelStreamInfer<
                                InferenceProtocol::Service>>>>>>>>;

// Thread-safe. Outlives the gRPC server that it is registered with. Metadata and configuration are
// for tenants, readiness for everybody.
class OpenInferenceService final : public RawOpenInference {
 public:
  // `version`: of the server.
  OpenInferenceService(InferenceContext context, std::string version)
      : context_(context), version_(std::move(version)) {}

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* rpc,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* rpc,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* rpc,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* rpc,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* rpc,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ModelConfig(grpc::CallbackServerContext* rpc,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* rpc,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  ByteStream* ModelStreamInfer(grpc::CallbackServerContext* rpc) override;

 private:
  const InferenceContext context_;
  const std::string version_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_OPEN_INFERENCE_SERVICE_H_
