// The trace of a call, over every way in: its ids in the log and in the reply.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include <map>
#include <string>
#include <thread>

#include "server/http_api.h"
#include "tests/testing/http_client.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kHeader[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kAnswer[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-([0-9a-f]{16})-00";

class TracingTest : public ServiceTest {
 protected:
  static void Trace(grpc::ClientContext& rpc, const char* header = kHeader) {
    rpc.AddMetadata("traceparent", header);
  }

  // The trailer; empty: there is none.
  static std::string AnswerOf(const grpc::ClientContext& rpc) {
    const auto& trailers = rpc.GetServerTrailingMetadata();
    const auto found = trailers.find("traceresponse");
    return found == trailers.end() ? "" : std::string(found->second.data(), found->second.size());
  }

  static std::string SpanOf(const std::string& answer) {
    EXPECT_THAT(answer, MatchesRegex(kAnswer));
    return answer.size() == 55 ? answer.substr(36, 16) : "none";
  }

  // The only line of the event.
  std::string LineOf(const std::string& event) const {
    const std::string text = LogText();
    const size_t begin = text.find("event=" + event + " ");
    if (begin == std::string::npos) return "";
    EXPECT_EQ(text.find("event=" + event + " ", begin + 1), std::string::npos) << text;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  static auto HasIds(const std::string& span) {
    return AllOf(HasSubstr(std::string(" trace_id=") + kTraceId), HasSubstr(" span_id=" + span),
                 HasSubstr(" parent_id=00f067aa0ba902b7"));
  }
};

TEST_F(TracingTest, UnaryCallsAnswerWithTheSpanOfTheirLogLine) {
  Start();
  grpc::ClientContext rpc;
  Trace(rpc);
  v1::EmbedResponse response;
  ASSERT_TRUE(inference_->Embed(&rpc, TensorRequest(1), &response).ok());
  EXPECT_THAT(LineOf("request_done"), HasIds(SpanOf(AnswerOf(rpc))));
}

TEST_F(TracingTest, RefusedCallsDoToo) {
  Start();
  grpc::ClientContext rpc;
  Trace(rpc);
  v1::EmbedRequest request = TensorRequest(1);
  request.mutable_budget()->set_compute(7);
  v1::EmbedResponse response;
  ASSERT_FALSE(inference_->Embed(&rpc, request, &response).ok());
  EXPECT_THAT(LineOf("request_failed"), HasIds(SpanOf(AnswerOf(rpc))));
}

TEST_F(TracingTest, StrangersAreFoundInTheLogByTheirTrace) {
  tenants_file_ = "tenants:\n" + TenantOf("search");
  Start();
  grpc::ClientContext rpc;
  Trace(rpc);
  v1::EmbedResponse response;
  ASSERT_FALSE(inference_->Embed(&rpc, TensorRequest(1), &response).ok());
  EXPECT_THAT(LineOf("authentication_failed"), HasIds(SpanOf(AnswerOf(rpc))));
}

TEST_F(TracingTest, OpenInferenceProtocolDoesToo) {
  Start();
  grpc::ClientContext rpc;
  Trace(rpc);
  inference::ModelInferResponse response;
  ASSERT_FALSE(open_inference_->ModelInfer(&rpc, {}, &response).ok());
  EXPECT_THAT(LineOf("request_failed"), HasIds(SpanOf(AnswerOf(rpc))));
  grpc::ClientContext live;
  Trace(live);
  inference::ServerLiveResponse alive;
  ASSERT_TRUE(open_inference_->ServerLive(&live, {}, &alive).ok());
  EXPECT_THAT(AnswerOf(live), MatchesRegex(kAnswer));
}

TEST_F(TracingTest, AStreamIsOneSpan) {
  Start();
  grpc::ClientContext rpc;
  Trace(rpc);
  const auto stream = inference_->EmbedStream(&rpc);
  ASSERT_TRUE(stream->Write(TensorRequest(1)));
  stream->WritesDone();
  v1::EmbedResponse reply;
  while (stream->Read(&reply)) {
  }
  ASSERT_TRUE(stream->Finish().ok());
  EXPECT_THAT(LineOf("request_done"), HasIds(SpanOf(AnswerOf(rpc))));
}

TEST_F(TracingTest, ARefusedStreamIsInTheLog) {
  tenants_file_ = "tenants:\n" + TenantOf("search");
  Start();
  grpc::ClientContext rpc;
  Trace(rpc);
  const auto stream = inference_->ClassifyStream(&rpc);
  ASSERT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(LineOf("request_failed"), HasIds(SpanOf(AnswerOf(rpc))));
}

TEST_F(TracingTest, InvalidOnesAreIgnored) {
  Start();
  grpc::ClientContext rpc;
  Trace(rpc, "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01");
  v1::EmbedResponse response;
  ASSERT_TRUE(inference_->Embed(&rpc, TensorRequest(1), &response).ok());
  EXPECT_EQ(AnswerOf(rpc), "");
  EXPECT_THAT(LineOf("request_done"), AllOf(Not(HasSubstr("trace_id")), Not(HasSubstr("span_id"))));
}

TEST_F(TracingTest, HttpAnswersInAHeader) {
  Start();
  HttpApi api(context_, {});
  HttpServer::Options options;
  options.address = {"127.0.0.1", 0};
  options.calls = api.Calls();
  const auto server = *HttpServer::Start(std::move(options));
  const std::string reply =
      HttpExchange(server->address().port,
                   std::string("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nTraceParent: ") +
                       kHeader + "\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
  EXPECT_THAT(reply, HasSubstr("HTTP/1.1 400"));
  const std::string name = "\r\nTraceresponse: ";
  const size_t begin = reply.find(name);
  ASSERT_NE(begin, std::string::npos) << reply;
  EXPECT_THAT(LineOf("request_failed"), HasIds(SpanOf(reply.substr(begin + name.size(), 55))));
}

TEST_F(TracingTest, ASlowRequestIsLoggedWithItsTrace) {
  FakeClock clock;
  context_.clock = &clock;
  log_options_.slow = absl::Seconds(1);
  Start();
  engine_.Close();
  grpc::ClientContext rpc;
  Trace(rpc);
  std::thread call([&] {
    v1::EmbedRequest request = TensorRequest(1);
    request.mutable_budget()->set_compute(0.5);
    v1::EmbedResponse response;
    EXPECT_TRUE(inference_->Embed(&rpc, request, &response).ok());
  });
  engine_.AwaitComputed(1);
  clock.Advance(absl::Milliseconds(1500));
  engine_.Open();
  call.join();
  EXPECT_THAT(LineOf("request_slow"),
              AllOf(HasIds(SpanOf(AnswerOf(rpc))), HasSubstr(" duration_ms=1500 "),
                    HasSubstr(" tenant=default "), HasSubstr(" requested_compute=0.5 "),
                    HasSubstr(" served_compute=0.4"), HasSubstr(" batch_size=1 ")));
  v1::EmbedResponse quick;
  EXPECT_TRUE(Embed(TensorRequest(1), &quick).ok());
  EXPECT_THAT(LineOf("request_slow"), Not(HasSubstr("requested_compute=1 ")));
}

}  // namespace
}  // namespace snapvit
