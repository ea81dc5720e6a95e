#include "tests/unit/client/fake_server.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <chrono>

#include "absl/strings/str_cat.h"

namespace snapvit::client {

FakeServer::FakeServer() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(static_cast<v1::Inference::Service*>(this));
  builder.RegisterService(static_cast<v1::Models::Service*>(this));
  builder.SetMaxReceiveMessageSize(64 << 20);
  server_ = builder.BuildAndStart();
  server_->GetHealthCheckService()->SetServingStatus("stopped", false);
  target_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

google::rpc::Status MakeError(grpc::StatusCode code, const std::string& message,
                              const std::string& reason, int retry_seconds) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_domain("snapvit");
  info.set_reason(reason);
  status.add_details()->PackFrom(info);
  if (retry_seconds >= 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_seconds);
    status.add_details()->PackFrom(retry);
  }
  return status;
}

grpc::Status MakeGrpcError(grpc::StatusCode code, const std::string& message,
                           const std::string& reason, int retry_seconds) {
  return {code, message, MakeError(code, message, reason, retry_seconds).SerializeAsString()};
}

void EchoNumbers(const v1::EmbedRequest& request, v1::EmbedResponse& response) {
  response.set_id(request.id());
  for (const v1::Image& image : request.images()) {
    v1::EmbedItem& item = *response.add_items();
    v1::Embedding& embedding = *item.mutable_embedding();
    embedding.set_dtype(v1::DTYPE_FP32);
    embedding.add_values(std::stof(image.encoded()));
    embedding.add_shape(1);
    item.mutable_receipt()->set_served_compute(request.budget().compute());
  }
}

}  // namespace snapvit::client
