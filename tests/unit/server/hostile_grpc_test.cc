// Peers of a gRPC listener that take what they can: floods, peers that stand still, frames that no
// library sends.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <sys/resource.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/server/hostile_grpc_fixture.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

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
  context_.call_limits.calls = 2;
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

// HTTP/2 has its own limit, of streams that are not reset.
TEST_F(HostileGrpcTest, AConnectionCannotTakeTheRoomOfOthers) {
  context_.call_limits = {.calls = 6, .connection_calls = 4};
  Listen();
  engine_.Close();
  Http2Connection flood(port());
  ASSERT_TRUE(flood.Await(Http2Frame::kSettings).has_value());
  const std::string message = WholeMessage(TensorRequest(1));
  for (uint32_t i = 0; i < 10; ++i) {
    flood.Call(2 * i + 1, GrpcHeaders(kEmbed));
    flood.Send(Http2Frame::kData, kEndStream, 2 * i + 1, message);
  }
  while (RefusalsOf("CONNECTION_CALLS") != "6") std::this_thread::yield();
  EXPECT_EQ(RefusalsOf("CALLS"), "0");
  while (calls_.open() > 4) std::this_thread::yield();
  engine_.Open();
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
  const grpc::Status honest = HonestCall();
  EXPECT_TRUE(honest.ok()) << honest.error_message();
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