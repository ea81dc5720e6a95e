// Streams: many messages under way, faults that stay with their message, ends of a call.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include <map>
#include <string>
#include <thread>

#include "server/stream_call.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;
using Stream = grpc::ClientReaderWriter<v1::EmbedRequest, v1::EmbedResponse>;

class StreamTest : public ServiceTest {
 protected:
  void Open() { stream_ = inference_->EmbedStream(&rpc_); }

  void Send(const std::string& id, v1::EmbedRequest request = TensorRequest(1)) {
    request.set_id(id);
    ASSERT_TRUE(stream_->Write(request));
  }

  // All replies up to the end of the call, by id.
  std::map<std::string, v1::EmbedResponse> ReadAll() {
    std::map<std::string, v1::EmbedResponse> replies;
    v1::EmbedResponse reply;
    while (stream_->Read(&reply)) replies[reply.id()] = reply;
    return replies;
  }

  grpc::ClientContext rpc_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(StreamTest, RepliesCarryTheIdOfTheirRequest) {
  Start();
  Open();
  for (int i = 0; i < 20; ++i) Send(std::to_string(i));
  stream_->WritesDone();
  const auto replies = ReadAll();
  EXPECT_EQ(replies.size(), 20U);
  for (const auto& [id, reply] : replies) EXPECT_TRUE(reply.items(0).has_embedding()) << id;
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(StreamTest, AFaultStaysWithItsMessage) {
  Start();
  Open();
  Send("before");
  v1::EmbedRequest bad = TensorRequest(2);
  bad.mutable_budget()->set_compute(7);
  Send("budget", bad);
  Send("image", EmbedOf({"jpeg", "no image"}));
  Send("empty", v1::EmbedRequest());
  Send("after");
  stream_->WritesDone();
  auto replies = ReadAll();
  ASSERT_EQ(replies.size(), 5U);
  EXPECT_TRUE(replies["before"].items(0).has_embedding());
  EXPECT_TRUE(replies["after"].items(0).has_embedding());
  ASSERT_EQ(replies["budget"].items_size(), 2);
  EXPECT_EQ(replies["budget"].items(1).error().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(replies["image"].items(0).has_embedding());
  EXPECT_THAT(replies["image"].items(1).error().message(), HasSubstr("images[1]"));
  EXPECT_TRUE(replies["empty"].items(0).has_error());
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(StreamTest, AtMost64ImagesAreUnderWay) {
  Start();
  engine_.Close();
  Open();
  std::thread writer([this] {
    for (int i = 0; i < 30; ++i) Send(std::to_string(i), TensorRequest(8));
    stream_->WritesDone();
  });
  const auto held = [this] {
    const SchedulerStats stats = executor_->Stats();
    return stats.queued.items + stats.running_items;
  };
  while (held() < kMaxStreamImages) std::this_thread::yield();
  // What is read beyond that would show up within this many looks.
  for (int i = 0; i < 1000; ++i) {
    ASSERT_LE(held(), kMaxStreamImages);
    std::this_thread::yield();
  }
  engine_.Open();
  EXPECT_EQ(ReadAll().size(), 30U);
  writer.join();
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(StreamTest, ADrainEndsTheCallAfterTheLastReply) {
  Start();
  engine_.Close();
  Open();
  Send("a");
  engine_.AwaitComputed(1);
  state_.SetPhase(Phase::kDraining, 0);
  call_set_.Drain();
  engine_.Open();
  const auto replies = ReadAll();
  EXPECT_EQ(replies.size(), 1U);
  const grpc::Status status = stream_->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "DRAINING");
  EXPECT_EQ(RetryDelayOf(status), absl::Milliseconds(100)) << "as calls say";
}

TEST_F(StreamTest, CancellingTheCallDropsWhatWaits) {
  Start();
  engine_.Close();
  Open();
  Send("running");
  engine_.AwaitComputed(1);
  Send("waiting", TensorRequest(4));
  while (executor_->Stats().queued.items < 4) std::this_thread::yield();
  rpc_.TryCancel();
  while (executor_->Stats().queued.items > 0) std::this_thread::yield();
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::CANCELLED);
  engine_.Open();
  EXPECT_EQ(engine_.computed(), 1);
}

}  // namespace
}  // namespace snapvit
