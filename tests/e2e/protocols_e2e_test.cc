// The other two ways in, the Open Inference Protocol and HTTP: the same answers as over snapvit.v1.
// Unmodified clients of other servers are tried in tests/e2e/clients.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "inference/grpc_service.grpc.pb.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/http_client.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Jpeg() {
  return *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/grey.jpg", size_t{1} << 20);
}

std::string EmbeddingsCall(const std::string& more = "") {
  const std::string body = absl::StrCat("{\"input\": \"data:image/jpeg;base64,",
                                        absl::Base64Escape(Jpeg()), "\"", more, "}");
  return absl::StrCat("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
                      "Content-Length: ", body.size(), "\r\n\r\n", body);
}

nlohmann::json BodyOf(const std::string& reply) {
  return nlohmann::json::parse(reply.substr(reply.find("\r\n\r\n") + 4));
}

class ProtocolsE2eTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server_.AwaitReady()) << server_.process().Log();
    open_inference_ = inference::GRPCInferenceService::NewStub(
        grpc::CreateChannel(server_.target(), grpc::InsecureChannelCredentials()));
  }

  // Every request is a slow one.
  ServerProcess server_{{"--floor", "0.25", "--slow-request", "1ns"}};
  std::unique_ptr<inference::GRPCInferenceService::Stub> open_inference_;
};

TEST_F(ProtocolsE2eTest, AllWaysInGiveTheSameEmbedding) {
  const auto client = server_.MakeClient();
  const std::string jpeg = Jpeg();
  const client::ImageInput images[] = {client::EncodedImage{jpeg}};
  client::EmbedOptions options;
  options.budget.set_compute(0.5);
  const auto native = client->Embed(images, options);
  ASSERT_TRUE(native.ok()) << native.status();
  const std::vector<float>& expected = native->front().embedding->values;

  inference::ModelInferRequest request;
  request.set_model_name("cls_token");
  (*request.mutable_parameters())["budget"].set_double_param(0.5);
  auto* input = request.add_inputs();
  input->set_name("image");
  input->set_datatype("BYTES");
  input->add_shape(1);
  input->mutable_contents()->add_bytes_contents(jpeg);
  inference::ModelInferResponse response;
  grpc::ClientContext rpc;
  const grpc::Status status = open_inference_->ModelInfer(&rpc, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  std::vector<float> infer(response.raw_output_contents(0).size() / sizeof(float));
  std::memcpy(infer.data(), response.raw_output_contents(0).data(), infer.size() * sizeof(float));
  EXPECT_EQ(infer, expected);
  EXPECT_EQ(response.outputs(1).name(), "probabilities");
  EXPECT_EQ(response.parameters().at("served_compute").double_param(),
            native->front().receipt->served_compute);

  const std::string reply = HttpExchange(server_.http_port(), EmbeddingsCall(", \"budget\": 0.5"));
  ASSERT_THAT(reply, StartsWith("HTTP/1.1 200 "));
  const nlohmann::json item = BodyOf(reply)["data"][0];
  EXPECT_EQ(item["embedding"].get<std::vector<float>>(), expected);
  EXPECT_EQ(item["receipt"]["rung"], native->front().receipt->rung);
  EXPECT_THAT(HttpGet(server_.http_port(), "/metrics"),
              HasSubstr("snapvit_requests_total{code=\"OK\",method=\"infer\",model=\"cls_token\","
                        "tenant=\"default\"} 1\n"));
}

TEST_F(ProtocolsE2eTest, SlowRequestsAreInTheLogWithTheTraceThatTheReplyNames) {
  grpc::ClientContext rpc;
  rpc.AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  inference::ModelInferRequest request;
  request.set_model_name("no_model");
  inference::ModelInferResponse response;
  EXPECT_FALSE(open_inference_->ModelInfer(&rpc, request, &response).ok());
  const auto& trailers = rpc.GetServerTrailingMetadata();
  const auto answer = trailers.find("traceresponse");
  ASSERT_NE(answer, trailers.end());
  const std::string span(answer->second.data() + 36, 16);
  EXPECT_THAT(server_.process().Log(),
              HasSubstr(absl::StrCat(" trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=", span,
                                     " parent_id=00f067aa0ba902b7 code=NOT_FOUND ")));
}

TEST_F(ProtocolsE2eTest, AcceptedHttpCallsAreAnsweredWhenTheServerIsToldToStop) {
  int answered = 0;
  std::thread caller([&] {
    while (true) {
      const HttpConnection connection(server_.http_port());
      connection.Send(EmbeddingsCall());
      const std::string reply = connection.ReceiveAll();
      if (!reply.starts_with("HTTP/1.1 200 ")) {
        EXPECT_THAT(reply, StartsWith("HTTP/1.1 503 "));
        EXPECT_EQ(BodyOf(reply)["error"]["code"], "DRAINING");
        return;
      }
      EXPECT_EQ(BodyOf(reply)["data"].size(), 1U);
      if (++answered == 20) server_.process().Signal(SIGTERM);
    }
  });
  EXPECT_EQ(server_.process().Wait(), 0) << server_.process().Log();
  caller.join();
  EXPECT_GE(answered, 20);
}

}  // namespace
}  // namespace snapvit
