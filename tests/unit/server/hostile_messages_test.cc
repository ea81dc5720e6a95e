// Messages of gRPC calls that are too large, too small to be worth it, or none at all.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/wire_message.h"
#include "tests/unit/server/hostile_grpc_fixture.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

TEST_F(HostileGrpcTest, AMessageAboveTheLimitIsRefused) {
  limits_.max_message_bytes = 1 << 20;
  Listen();
  v1::EmbedRequest large;
  large.add_images()->set_encoded(std::string(2 << 20, 'x'));
  EXPECT_EQ(HonestCall("", large).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  AwaitNoCalls();
  EXPECT_TRUE(HonestCall().ok());
}

// Peers that respect flow control and whose messages never end.
TEST_F(HostileGrpcTest, MessagesThatNeverEndStayWithinTheirMemory) {
  constexpr int kConnections = 4;
  constexpr int kStreams = 10;
  constexpr size_t kChunk = 16384;
  constexpr size_t kMost = size_t{8} << 20;  // of a stream: 320 MB in all
  limits_.max_message_memory = size_t{64} << 20;
  Listen();
  struct Peer {
    std::unique_ptr<Http2Connection> connection;
    int64_t window = 65535;
    int64_t initial_window = 65535;
    std::array<int64_t, kStreams> windows = {};  // beyond the initial one
    std::array<int64_t, kStreams> sent = {};
    std::array<bool, kStreams> ended = {};
    bool gone = false;
  };
  const auto number = [](const std::string& bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
    return value;
  };
  const auto read = [&](Peer& peer) {
    while (auto frame = peer.connection->Receive(absl::Milliseconds(1))) {
      const size_t call = frame->stream / 2;
      if (frame->type == Http2Frame::kWindowUpdate) {
        (frame->stream == 0 ? peer.window : peer.windows[call]) += number(frame->payload, 0);
      } else if (frame->type == Http2Frame::kSettings) {
        for (size_t i = 0; i + 6 <= frame->payload.size(); i += 6) {
          if (frame->payload[i + 1] == 4) peer.initial_window = number(frame->payload, i + 2);
        }
        if (frame->flags == 0) peer.connection->Send(Http2Frame::kSettings, 1, 0, "");
      } else if (frame->type == Http2Frame::kPing && frame->flags == 0) {
        peer.connection->Send(Http2Frame::kPing, 1, 0, frame->payload);
      } else if (frame->type == Http2Frame::kReset || frame->type == Http2Frame::kHeaders) {
        peer.ended[call] = true;
      } else if (frame->type == Http2Frame::kGoAway) {
        peer.gone = true;
      }
    }
  };
  // Whether anything could be sent.
  const auto write = [&](Peer& peer) {
    bool moved = false;
    for (int i = 0; i < kStreams; ++i) {
      const auto has_room = [&] {
        const int64_t window = peer.initial_window + peer.windows[i] - peer.sent[i];
        return !peer.gone && !peer.ended[i] && peer.sent[i] < static_cast<int64_t>(kMost) &&
               peer.window >= static_cast<int64_t>(kChunk) &&
               window >= static_cast<int64_t>(kChunk);
      };
      while (has_room()) {
        const std::string chunk = peer.sent[i] == 0
                                      ? GrpcMessage(std::string(kChunk - 5, 'x'), size_t{60} << 20)
                                      : std::string(kChunk, 'x');
        if (!peer.connection->Send(Http2Frame::kData, 0, 2 * i + 1, chunk)) peer.gone = true;
        peer.sent[i] += kChunk;
        peer.window -= kChunk;
        moved = true;
      }
    }
    return moved;
  };
  std::vector<Peer> peers(kConnections);
  for (Peer& peer : peers) {
    peer.connection = std::make_unique<Http2Connection>(port());
    for (uint32_t i = 0; i < kStreams; ++i) peer.connection->Call(2 * i + 1, GrpcHeaders(kEmbed));
  }
  for (int idle_rounds = 0; idle_rounds < 20;) {
    bool moved = false;
    for (Peer& peer : peers) {
      read(peer);
      moved |= write(peer);
    }
    idle_rounds = moved ? 0 : idle_rounds + 1;
  }
  int64_t held = 0;
  int ended = 0;
  for (const Peer& peer : peers) {
    for (int i = 0; i < kStreams; ++i) {
      const bool over = peer.gone || peer.ended[i];
      ended += over ? 1 : 0;
      held += over ? 0 : peer.sent[i];
    }
  }
  EXPECT_GT(ended, 0) << "calls were given up";
  EXPECT_LT(held, int64_t{128} << 20) << "of those that were not";
  // While they hold what there is, others may be turned away, too; not for longer.
  peers.clear();
  while (!HonestCall().ok()) std::this_thread::yield();
}

// A unary call of any bytes.
grpc::Status CallWithBytes(const std::shared_ptr<grpc::Channel>& channel, const char* method,
                           const std::string& bytes, const std::string& key = "") {
  grpc::ClientContext rpc;
  if (!key.empty()) rpc.AddMetadata("authorization", "Bearer " + key);
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto call = stub.PrepareUnaryCall(&rpc, method, request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  EXPECT_TRUE(queue.Next(&tag, &ok));
  return status;
}

// Each is two bytes.
std::string EmptyImages(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes.append("\x12\x00", 2);
  return bytes;
}

TEST_F(HostileGrpcTest, AMessageOfManyFieldsIsNotParsed) {
  Listen();
  const grpc::Status status = CallWithBytes(channel_, kEmbed, EmptyImages(1 << 20));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "TOO_LARGE");
  EXPECT_EQ(RefusalsOf("TOO_LARGE"), "1");
  EXPECT_TRUE(HonestCall().ok());
}

TEST_F(HostileGrpcTest, CompressedMessagesAreInflatedUpToTheLimit) {
  context_.max_message_bytes = 1 << 20;
  Listen();
  for (const grpc_compression_algorithm algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    for (const int bytes : {1 << 19, 1 << 24}) {
      const auto channel =
          grpc::CreateChannel(listener_.address.ToString(), grpc::InsecureChannelCredentials());
      grpc::ClientContext rpc;
      rpc.set_compression_algorithm(algorithm);
      v1::EmbedRequest request = TensorRequest(1);
      request.set_id(std::string(bytes, 'a'));
      v1::EmbedResponse response;
      const grpc::Status status = v1::Inference::NewStub(channel)->Embed(&rpc, request, &response);
      EXPECT_EQ(ReasonOf(status), bytes < 1 << 20 ? "" : "TOO_LARGE") << status.error_message();
      EXPECT_EQ(response.id().size(), bytes < 1 << 20 ? bytes : 0);
    }
  }
}

TEST_F(HostileGrpcTest, MessagesOfStrangersAreNotParsed) {
  tenants_file_ = "tenants:\n" + TenantOf("alice");
  Listen();
  for (const std::string& bytes : {std::string("no message"), EmptyImages(1 << 20)}) {
    EXPECT_EQ(CallWithBytes(channel_, kEmbed, bytes).error_code(),
              grpc::StatusCode::UNAUTHENTICATED);
    const grpc::Status status =
        CallWithBytes(channel_, "/inference.GRPCInferenceService/ModelInfer", bytes);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  }
}

TEST_F(HostileGrpcTest, BytesThatAreNoMessageAreRefusedByWhatWasExpected) {
  tenants_file_ = "tenants:\n" + TenantOf("alice");
  Listen();
  const grpc::Status status = CallWithBytes(channel_, kEmbed, "no message", "alice-key");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("snapvit.v1.EmbedRequest"));
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("snapvit_requests_total{code=\"INVALID_ARGUMENT\",method=\"embed\","
                        "model=\"tiny\",tenant=\"alice\"} 1\n"));
}

TEST_F(HostileGrpcTest, RequestsOfANameAreSmallWhoeverSendsThem) {
  Listen();
  for (const char* method : {"/snapvit.v1.Models/GetModel", "/snapvit.v1.Models/ListModels",
                             "/inference.GRPCInferenceService/ServerLive",
                             "/inference.GRPCInferenceService/ModelMetadata"}) {
    const grpc::Status status = CallWithBytes(channel_, method, EmptyImages(1 << 20));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << method;
    EXPECT_EQ(ReasonOf(status), "TOO_LARGE") << method;
  }
}

TEST_F(HostileGrpcTest, BytesThatAreNoMessageStayTheFaultOfTheirPlaceInAStream) {
  Listen();
  grpc::ClientContext rpc;
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel_);
  const auto stream = stub.PrepareCall(&rpc, kEmbedStream, &queue);
  const auto await = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  stream->StartCall(nullptr);
  ASSERT_TRUE(await());
  v1::EmbedRequest fine = TensorRequest(1);
  for (const std::string& bytes :
       {std::string("no message"), EmptyImages(1 << 20), fine.SerializeAsString()}) {
    const grpc::Slice slice(bytes);
    stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    ASSERT_TRUE(await());
    grpc::ByteBuffer reply_bytes;
    stream->Read(&reply_bytes, nullptr);
    ASSERT_TRUE(await());
    v1::EmbedResponse reply;
    ASSERT_TRUE(ReadWireMessage(reply_bytes, 1 << 20, &reply).ok());
    ASSERT_EQ(reply.items_size(), 1);
    EXPECT_EQ(reply.items(0).has_embedding(), bytes == fine.SerializeAsString());
    EXPECT_EQ(ReasonOf(reply.items(0).error().SerializeAsString()) == "TOO_LARGE",
              bytes == EmptyImages(1 << 20))
        << reply.items(0).error().DebugString();
  }
  stream->WritesDone(nullptr);
  ASSERT_TRUE(await());
  grpc::Status status;
  stream->Finish(&status, nullptr);
  ASSERT_TRUE(await());
  EXPECT_TRUE(status.ok());
}

}  // namespace
}  // namespace snapvit
