// Peers of a gRPC listener that take what they can: floods, peers that stand still, frames that no
// library sends.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/listeners.h"
#include "server/wire_message.h"
#include "tests/testing/http2_client.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kEmbed[] = "/snapvit.v1.Inference/Embed";
constexpr char kEmbedStream[] = "/snapvit.v1.Inference/EmbedStream";

std::string WholeMessage(const v1::EmbedRequest& request) {
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

// --- Connections ---

TEST_F(HostileGrpcTest, ConnectionsAboveTheLimitAreClosedAtOnce) {
  limits_.max_connections = 3;
  Listen();
  std::vector<std::unique_ptr<Http2Connection>> connections;
  for (int i = 0; i < 3; ++i) {
    connections.push_back(std::make_unique<Http2Connection>(port()));
    ASSERT_TRUE(connections.back()->Await(Http2Frame::kSettings).has_value());
  }
  EXPECT_EQ(listener_.acceptor->connections(), 3U);
  Http2Connection fourth(port());
  EXPECT_TRUE(fourth.AwaitClose());
  EXPECT_EQ(too_many_, 1);
  // Those that are in stay, and room that is left is given away again.
  EXPECT_TRUE(connections.back()->Send(Http2Frame::kPing, 0, 0, std::string(8, 'p')));
  EXPECT_TRUE(connections.back()->Await(Http2Frame::kPing).has_value());
  connections.clear();
  while (listener_.acceptor->connections() > 0) std::this_thread::yield();
  EXPECT_TRUE(HonestCall().ok());
}

TEST_F(HostileGrpcTest, AProcessWithoutDescriptorsListensAgainWhenThereAreSome) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "UBSan needs a descriptor when it first looks at the type of an object (vptr)";
#endif
#endif
  Listen();
  // Another thread may yet let a descriptor go, and one of them gets it.
  std::array<int, 8> clients;
  for (int& client : clients) client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(next);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none_left = before;
  none_left.rlim_cur = next;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none_left), 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (const int client : clients) {
    EXPECT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  while (no_descriptor_ == 0) std::this_thread::yield();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(HonestCall().ok());
  while (listener_.acceptor->connections() < clients.size()) std::this_thread::yield();
  for (const int client : clients) close(client);
}

TEST_F(HostileGrpcTest, AConnectionThatSaysNothingIsClosed) {
  limits_.handshake_time = absl::Milliseconds(50);
  Listen();
  Http2Connection silent(port(), /*greet=*/false);
  EXPECT_TRUE(silent.AwaitClose());
  Http2Connection talks_http1(port(), /*greet=*/false);
  talks_http1.SendRaw("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(talks_http1.AwaitClose());
}

TEST_F(HostileGrpcTest, AConnectionWithoutCallsIsClosedAfterATime) {
  limits_.connection_idle = absl::Milliseconds(50);
  Listen();
  Http2Connection idle(port());
  EXPECT_TRUE(idle.Await(Http2Frame::kGoAway).has_value());
}

TEST_F(HostileGrpcTest, AConnectionOfSomeAgeIsToldToGo) {
  limits_.connection_age = absl::Milliseconds(50);
  Listen();
  engine_.Close();
  Http2Connection old(port());
  old.Call(1, GrpcHeaders(kEmbed));
  old.Send(Http2Frame::kData, kEndStream, 1, WholeMessage(TensorRequest(1)));
  EXPECT_TRUE(old.Await(Http2Frame::kGoAway).has_value());
  engine_.Open();
  EXPECT_TRUE(old.Await(Http2Frame::kHeaders).has_value()) << "its call is answered";
}

TEST_F(HostileGrpcTest, ASilentPeerIsAskedWhetherItIsThere) {
  limits_.keepalive = absl::Milliseconds(50);
  Listen();
  Http2Connection peer(port());
  EXPECT_TRUE(peer.Await(Http2Frame::kPing).has_value());
}

TEST_F(HostileGrpcTest, AFloodOfPingsEndsItsConnection) {
  Listen();
  Http2Connection flood(port());
  for (int i = 0; i < 10; ++i) flood.Send(Http2Frame::kPing, 0, 0, std::string(8, 'p'));
  const auto end = flood.Await(Http2Frame::kGoAway);
  ASSERT_TRUE(end.has_value());
  EXPECT_THAT(end->payload, HasSubstr("too_many_pings"));
  EXPECT_TRUE(HonestCall().ok());
}

// --- Headers ---

TEST_F(HostileGrpcTest, TooManyHeadersFailTheirCallAlone) {
  Listen();
  EXPECT_TRUE(HonestCall(std::string(8 << 10, 'a')).ok());
  EXPECT_EQ(HonestCall(std::string(64 << 10, 'a')).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(HonestCall().ok());
}

TEST_F(HostileGrpcTest, HeadersWithoutAnEndDoNotKeepOthersOut) {
  Listen();
  Http2Connection flood(port());
  ASSERT_TRUE(flood.Await(Http2Frame::kSettings).has_value());
  flood.Call(1, GrpcHeaders(kEmbed), /*flags=*/0);
  const std::string more = HeaderBlock({{"x-much", std::string(16000, 'a')}});
  for (int i = 0; i < 500 && flood.Send(Http2Frame::kContinuation, 0, 1, more); ++i) {
  }
  EXPECT_TRUE(HonestCall().ok());
  EXPECT_EQ(engine_.computed(), 1);
}

// --- Calls ---

TEST_F(HostileGrpcTest, CallsOfAConnectionAboveItsLimitAreRefused) {
  limits_.max_connection_calls = 4;
  Listen();
  engine_.Close();
  Http2Connection greedy(port());
  ASSERT_TRUE(greedy.Await(Http2Frame::kSettings).has_value());
  greedy.Send(Http2Frame::kSettings, /*flags=*/1, 0, "");  // it has understood them
  for (uint32_t i = 0; i < 10; ++i) {
    greedy.Call(2 * i + 1, GrpcHeaders(kEmbed));
    greedy.Send(Http2Frame::kData, kEndStream, 2 * i + 1, WholeMessage(TensorRequest(1)));
  }
  // A stream that is refused, or the whole connection.
  std::optional<Http2Frame> frame;
  while ((frame = greedy.Receive()).has_value() && frame->type != Http2Frame::kReset &&
         frame->type != Http2Frame::kGoAway) {
  }
  EXPECT_TRUE(frame.has_value());
  EXPECT_LE(calls_.open(), 4);
  engine_.Open();
  EXPECT_TRUE(HonestCall().ok());
}

TEST_F(HostileGrpcTest, CallsAboveTheLimitOfAllAreRefusedWithTheReason) {
  context_.max_calls = 2;
  Listen();
  std::array<grpc::ClientContext, 2> rpcs;
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<v1::EmbedRequest, v1::EmbedResponse>>> open;
  for (grpc::ClientContext& rpc : rpcs) {
    open.push_back(inference_->EmbedStream(&rpc));
  }
  while (calls_.open() < 2) std::this_thread::yield();
  const grpc::Status status = HonestCall();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "QUEUE_FULL");
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("2 calls"), HasSubstr("--max-calls")));
  EXPECT_EQ(RefusalsOf("CALLS"), "1");
  for (const auto& stream : open) stream->WritesDone();
  for (const auto& stream : open) EXPECT_TRUE(stream->Finish().ok());
  AwaitNoCalls();
  EXPECT_TRUE(HonestCall().ok());
}

TEST_F(HostileGrpcTest, CallsThatAreResetAtOnceLeaveNothing) {
  Listen();
  Http2Connection flood(port());
  ASSERT_TRUE(flood.Await(Http2Frame::kSettings).has_value());
  const std::string cancel("\0\0\0\x08", 4);
  const std::string message = WholeMessage(TensorRequest(1));
  for (uint32_t i = 0; i < 5000; ++i) {
    const uint32_t stream = 2 * i + 1;
    if (!flood.Call(stream, GrpcHeaders(kEmbed))) break;
    if (i % 2 == 0) flood.Send(Http2Frame::kData, kEndStream, stream, message);
    flood.Send(Http2Frame::kReset, 0, stream, cancel);
  }
  EXPECT_TRUE(HonestCall().ok());
  AwaitNoCalls();
}

TEST_F(HostileGrpcTest, CancelledCallsAreNotComputed) {
  Listen();
  engine_.Close();
  constexpr int kCalls = 500;
  std::vector<grpc::ClientContext> rpcs(kCalls);
  std::vector<std::unique_ptr<grpc::ClientAsyncResponseReader<v1::EmbedResponse>>> readers;
  std::vector<v1::EmbedResponse> responses(kCalls);
  std::vector<grpc::Status> statuses(kCalls);
  grpc::CompletionQueue queue;
  for (int i = 0; i < kCalls; ++i) {
    readers.push_back(inference_->AsyncEmbed(&rpcs[i], TensorRequest(1), &queue));
    readers.back()->Finish(&responses[i], &statuses[i], nullptr);
  }
  for (grpc::ClientContext& rpc : rpcs) rpc.TryCancel();
  void* tag = nullptr;
  bool ok = false;
  for (int i = 0; i < kCalls; ++i) ASSERT_TRUE(queue.Next(&tag, &ok));
  while (executor_->Stats().queued.items > 0) std::this_thread::yield();
  engine_.Open();
  AwaitNoCalls();
  EXPECT_LE(engine_.computed(), 32) << "batches that had begun";
  EXPECT_TRUE(HonestCall().ok());
}

// --- Messages ---

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

// --- Messages ---

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

// --- Peers that stand still ---

// Settings of a client that takes nothing.
const std::string& NoWindow() {
  static const auto* const settings = new std::string("\0\x04\0\0\0\0", 6);
  return *settings;
}

TEST_F(HostileGrpcTest, AReplyThatIsNotTakenIsGivenUp) {
  Listen();
  for (const char* method : {kEmbed, kEmbedStream}) {
    Http2Connection reader(port());
    reader.Send(Http2Frame::kSettings, 0, 0, NoWindow());
    reader.Call(1, GrpcHeaders(method));
    // Half closed: nothing more comes from it either.
    reader.Send(Http2Frame::kData, kEndStream, 1, WholeMessage(TensorRequest(1)));
    ASSERT_TRUE(reader.Await(Http2Frame::kHeaders).has_value());
    // Its embedding is computed by then, and waits.
    call_set_.EndStill({.replies = context_.clock->Now() - absl::Hours(1)});
    EXPECT_EQ(calls_.open(), 1) << method;
    while (calls_.open() > 0) {
      call_set_.EndStill({.replies = context_.clock->Now()});
      std::this_thread::yield();
    }
    EXPECT_TRUE(reader.Await(Http2Frame::kReset).has_value()) << method;
  }
  EXPECT_EQ(RefusalsOf("STALLED"), "2");
  EXPECT_TRUE(HonestCall().ok());
}

TEST_F(HostileGrpcTest, AStreamOnWhichNothingComesIsEnded) {
  Listen();
  grpc::ClientContext rpc;
  const auto stream = inference_->EmbedStream(&rpc);
  while (calls_.open() == 0) std::this_thread::yield();
  call_set_.EndStill({.idle = context_.clock->Now() - absl::Hours(1)});
  // One that waits for the engine is not idle.
  engine_.Close();
  stream->Write(TensorRequest(1));
  engine_.AwaitComputed(1);
  call_set_.EndStill({.idle = context_.clock->Now()});
  engine_.Open();
  v1::EmbedResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.items(0).has_embedding());
  while (calls_.open() > 0) {
    call_set_.EndStill({.idle = context_.clock->Now()});
    std::this_thread::yield();
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ReasonOf(status), "STREAM_IDLE");
  EXPECT_EQ(RefusalsOf("STREAM_IDLE"), "1");
}

TEST_F(HostileGrpcTest, StreamsAboveTheirLimitAreRefused) {
  Listen();
  std::vector<grpc::ClientContext> rpcs(call_set_.max_streams() + 1);
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<v1::EmbedRequest, v1::EmbedResponse>>> open;
  for (grpc::ClientContext& rpc : rpcs) {
    while (call_set_.streams() < open.size()) std::this_thread::yield();
    open.push_back(inference_->EmbedStream(&rpc));
  }
  const grpc::Status status = open.back()->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "QUEUE_FULL");
  EXPECT_THAT(status.error_message(), HasSubstr("--max-streams"));
  EXPECT_EQ(RefusalsOf("STREAMS"), "1");
  open.pop_back();
  for (const auto& stream : open) stream->WritesDone();
  for (const auto& stream : open) EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace snapvit
