// HostileGrpcTest: a gRPC listener as the server has it, for peers that are not honest.
#ifndef SNAPVIT_TESTS_UNIT_SERVER_HOSTILE_GRPC_FIXTURE_H_
#define SNAPVIT_TESTS_UNIT_SERVER_HOSTILE_GRPC_FIXTURE_H_

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "server/listeners.h"
#include "tests/testing/http2_client.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {

inline constexpr char kEmbed[] = "/snapvit.v1.Inference/Embed";
inline constexpr char kEmbedStream[] = "/snapvit.v1.Inference/EmbedStream";

inline std::string WholeMessage(const v1::EmbedRequest& request) {
  const std::string bytes = request.SerializeAsString();
  return GrpcMessage(bytes, bytes.size());
}

class HostileGrpcTest : public ServiceTest {
 protected:
  ConnectionLimits limits_;  // taken by Listen()

  void Listen() {
    Start();
    service_ = std::make_unique<InferenceService>(context_);
    GrpcListenerOptions options;
    options.address = {"127.0.0.1", 0};
    options.limits = limits_;
    options.on_refusal = [this](Acceptor::Refusal refusal) {
      ++(refusal == Acceptor::Refusal::kTooMany ? too_many_ : no_descriptor_);
    };
    grpc::Service* const services[] = {service_.get()};
    auto listener = StartGrpc(options, services);
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }
  ~HostileGrpcTest() override {
    engine_.Open();
    StopGrpc(listener_);
  }

  uint16_t port() const { return listener_.address.port; }

  // A call of an honest client, over a connection of its own.
  grpc::Status HonestCall(const std::string& header = "",
                          const v1::EmbedRequest& request = TensorRequest(1)) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 1 << 20);
    const auto channel = grpc::CreateCustomChannel(listener_.address.ToString(),
                                                   grpc::InsecureChannelCredentials(), arguments);
    grpc::ClientContext rpc;
    rpc.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    if (!header.empty()) rpc.AddMetadata("x-much", header);
    v1::EmbedResponse response;
    return v1::Inference::NewStub(channel)->Embed(&rpc, request, &response);
  }
  void AwaitNoCalls() const {
    while (calls_.open() > 0) std::this_thread::yield();
  }
  std::string RefusalsOf(const std::string& reason) const {
    const std::string text = metrics_.Expose();
    const std::string series = "snapvit_refusals_total{reason=\"" + reason + "\"} ";
    const size_t begin = text.find(series) + series.size();
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  std::atomic<int> too_many_ = 0;
  std::atomic<int> no_descriptor_ = 0;
  std::unique_ptr<InferenceService> service_;
  GrpcListener listener_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_UNIT_SERVER_HOSTILE_GRPC_FIXTURE_H_
