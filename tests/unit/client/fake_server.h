// FakeServer: an in-process gRPC server whose answers a test writes as lambdas.
#ifndef SNAPVIT_TESTS_UNIT_CLIENT_FAKE_SERVER_H_
#define SNAPVIT_TESTS_UNIT_CLIENT_FAKE_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/server_context.h>

#include <functional>
#include <memory>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "snapvit/v1/inference.grpc.pb.h"
#include "snapvit/v1/models.grpc.pb.h"

namespace snapvit::client {

// Listens on a free port of the loopback interface until destroyed. Handlers are set before the
// first call; they run on gRPC's threads, several at a time.
class FakeServer final : public v1::Inference::Service, public v1::Models::Service {
 public:
  FakeServer();
  ~FakeServer() override;

  const std::string& target() const { return target_; }

  std::function<grpc::Status(grpc::ServerContext&, const v1::EmbedRequest&, v1::EmbedResponse&)>
      embed;
  std::function<grpc::Status(grpc::ServerContext&, const v1::ClassifyRequest&,
                             v1::ClassifyResponse&)>
      classify;
  using EmbedStreamCall = grpc::ServerReaderWriter<v1::EmbedResponse, v1::EmbedRequest>;
  std::function<grpc::Status(grpc::ServerContext&, EmbedStreamCall&)> embed_stream;
  std::function<grpc::Status(const v1::GetModelRequest&, v1::ModelInfo&)> get_model;

 private:
  grpc::Status Embed(grpc::ServerContext* context, const v1::EmbedRequest* request,
                     v1::EmbedResponse* response) override {
    return embed(*context, *request, *response);
  }
  grpc::Status Classify(grpc::ServerContext* context, const v1::ClassifyRequest* request,
                        v1::ClassifyResponse* response) override {
    return classify(*context, *request, *response);
  }
  grpc::Status EmbedStream(grpc::ServerContext* context, EmbedStreamCall* stream) override {
    return embed_stream(*context, *stream);
  }
  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest* request,
                        v1::ModelInfo* response) override {
    return get_model(*request, *response);
  }

  std::string target_;
  std::unique_ptr<grpc::Server> server_;
};

// An error as the server makes it: ErrorInfo, and RetryInfo of `retry_seconds` unless negative.
google::rpc::Status MakeError(grpc::StatusCode code, const std::string& message,
                              const std::string& reason, int retry_seconds = -1);
grpc::Status MakeGrpcError(grpc::StatusCode code, const std::string& message,
                           const std::string& reason, int retry_seconds = -1);

// Answers every encoded image by an embedding of one element: the number that its bytes spell.
void EchoNumbers(const v1::EmbedRequest& request, v1::EmbedResponse& response);

}  // namespace snapvit::client

#endif  // SNAPVIT_TESTS_UNIT_CLIENT_FAKE_SERVER_H_
