// OpenInferenceService: the Open Inference Protocol v2 over gRPC's callback API, for clients of
// Triton and KServe. Requests take the path of snapvit.v1.Inference.
#ifndef SNAPVIT_SERVER_OPEN_INFERENCE_SERVICE_H_
#define SNAPVIT_SERVER_OPEN_INFERENCE_SERVICE_H_

#include <string>
#include <utility>

#include "inference/grpc_service.grpc.pb.h"
#include "server/inference_context.h"

namespace snapvit {

// Thread-safe. Outlives the gRPC server that it is registered with. Metadata and configuration are
// for tenants, readiness for everybody.
class OpenInferenceService final : public inference::GRPCInferenceService::CallbackService {
 public:
  // `version`: of the server.
  OpenInferenceService(InferenceContext context, std::string version)
      : context_(context), version_(std::move(version)) {}

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* rpc,
                                       const inference::ServerLiveRequest* request,
                                       inference::ServerLiveResponse* response) override;
  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* rpc,
                                        const inference::ServerReadyRequest* request,
                                        inference::ServerReadyResponse* response) override;
  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* rpc,
                                       const inference::ModelReadyRequest* request,
                                       inference::ModelReadyResponse* response) override;
  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* rpc,
                                           const inference::ServerMetadataRequest* request,
                                           inference::ServerMetadataResponse* response) override;
  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* rpc,
                                          const inference::ModelMetadataRequest* request,
                                          inference::ModelMetadataResponse* response) override;
  grpc::ServerUnaryReactor* ModelConfig(grpc::CallbackServerContext* rpc,
                                        const inference::ModelConfigRequest* request,
                                        inference::ModelConfigResponse* response) override;
  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* rpc,
                                       const inference::ModelInferRequest* request,
                                       inference::ModelInferResponse* response) override;
  grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse>*
  ModelStreamInfer(grpc::CallbackServerContext* rpc) override;

 private:
  const InferenceContext context_;
  const std::string version_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_OPEN_INFERENCE_SERVICE_H_
