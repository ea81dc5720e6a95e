// Embeddings and labels over HTTP: bodies, replies, errors, and clients that are slow or go away.
#include "server/http_api.h"

#include <gmock/gmock.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/http_client.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

struct Reply {
  int status = 0;
  std::string head;
  json body;
};

class HttpApiTest : public ServiceTest {
 protected:
  HttpApi::Options options_;  // taken by StartApi()

  void StartApi(std::shared_ptr<const ServedModel> model = MakeServedModel()) {
    Start(std::move(model));
    api_ = std::make_unique<HttpApi>(context_, options_);
    HttpServer::Options http;
    http.address = {"127.0.0.1", 0};
    http.calls = api_->Calls();
    http.threads = 8;
    server_ = *HttpServer::Start(std::move(http));
  }

  uint16_t port() const { return server_->address().port; }

  static std::string DataUri(const std::string& image = "jpeg") {
    return "data:image/jpeg;base64," + absl::Base64Escape(EmbedOf({image}).images(0).encoded());
  }

  static std::string HeadOf(const std::string& path, size_t length, const std::string& more = "") {
    return absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", more,
                        "Content-Length: ", length, "\r\n\r\n");
  }

  static Reply Parse(const std::string& text) {
    Reply reply;
    const size_t end = text.find("\r\n\r\n");
    reply.head = text.substr(0, end);
    if (end != std::string::npos) {
      reply.status = std::atoi(text.substr(9, 3).c_str());
      reply.body = json::parse(text.substr(end + 4), nullptr, /*allow_exceptions=*/false);
    }
    return reply;
  }

  Reply Post(const std::string& path, const std::string& body, const std::string& more = "") {
    return Parse(HttpExchange(port(), HeadOf(path, body.size(), more) + body));
  }
  Reply Embeddings(const json& body, const std::string& more = "") {
    return Post("/v1/embeddings", body.dump(), more);
  }

  static std::string Repeated(const std::string& text, int times) {
    std::string repeated;
    for (int i = 0; i < times; ++i) repeated += text;
    return repeated;
  }

  static std::string MessageOf(const Reply& reply) {
    return reply.body.is_object() ? reply.body["error"]["message"].get<std::string>() : "";
  }

 private:
  std::unique_ptr<HttpApi> api_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpApiTest, EmbeddingsComeInTheShapeOfOpenAis) {
  StartApi();
  const Reply reply =
      Embeddings({{"model", "tiny"}, {"input", {DataUri(), DataUri()}}, {"budget", 0.5}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.body["object"], "list");
  EXPECT_EQ(reply.body["model"], "tiny");
  EXPECT_EQ(reply.body["usage"]["prompt_tokens"], 2 * 5);
  ASSERT_THAT(reply.body["data"], SizeIs(2));
  v1::EmbedRequest request = EmbedOf({"jpeg"});
  request.mutable_budget()->set_compute(0.5);
  v1::EmbedResponse native;
  ASSERT_TRUE(Embed(request, &native).ok());
  for (int i = 0; i < 2; ++i) {
    const json& item = reply.body["data"][i];
    EXPECT_EQ(item["object"], "embedding");
    EXPECT_EQ(item["index"], i);
    const auto values = item["embedding"].get<std::vector<float>>();
    EXPECT_EQ(values, std::vector<float>(native.items(0).embedding().values().begin(),
                                         native.items(0).embedding().values().end()));
    EXPECT_EQ(item["receipt"]["requested_compute"], 0.5);
    EXPECT_EQ(item["receipt"]["served_compute"], native.items(0).receipt().served_compute());
    EXPECT_EQ(item["receipt"]["reason"], "AS_REQUESTED");
    EXPECT_EQ(item["receipt"]["embedding_space_id"], "space16");
  }
  EXPECT_THAT(reply.head, AllOf(HasSubstr("\r\nSnapvit-Requested-Compute: 0.5\r\n"),
                                HasSubstr("\r\nSnapvit-Reason: AS_REQUESTED\r\n"),
                                HasSubstr("\r\nSnapvit-Served-Compute: 0.4")));
}

TEST_F(HttpApiTest, VectorsComeAsBase64ToThoseWhoAsk) {
  StartApi();
  const Reply numbers = Embeddings({{"input", DataUri()}, {"dimensions", 4}, {"normalize", true}});
  const Reply packed = Embeddings({{"input", DataUri()},
                                   {"dimensions", 4},
                                   {"normalize", true},
                                   {"encoding_format", "base64"}});
  ASSERT_EQ(packed.status, 200) << packed.body;
  std::string bytes;
  ASSERT_TRUE(absl::Base64Unescape(packed.body["data"][0]["embedding"].get<std::string>(), &bytes));
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  EXPECT_THAT(values, SizeIs(4));
  EXPECT_EQ(values, numbers.body["data"][0]["embedding"].get<std::vector<float>>());
}

TEST_F(HttpApiTest, ImagesMayBeWrappedAsInChats) {
  StartApi();
  const Reply reply = Embeddings({{"input",
                                   {{{"type", "image_url"}, {"image_url", {{"url", DataUri()}}}},
                                    {{"image_url", DataUri()}}}}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_THAT(reply.body["data"], SizeIs(2));
}

TEST_F(HttpApiTest, ClassifyGivesLabels) {
  StartApi();
  const Reply reply = Post("/v1/classify", json({{"input", DataUri()}, {"top_k", 2}}).dump());
  ASSERT_EQ(reply.status, 200) << reply.body;
  const json& item = reply.body["data"][0];
  EXPECT_EQ(item["object"], "classification");
  ASSERT_THAT(item["labels"], SizeIs(2));
  EXPECT_EQ(item["labels"][0]["label"], "dog");
  EXPECT_EQ(item["labels"][0]["index"], 3);
  EXPECT_GT(item["labels"][0]["score"], 0.6);
  EXPECT_TRUE(item.contains("receipt"));
}

TEST_F(HttpApiTest, BodiesThatAreNotUnderstoodAreExplained) {
  StartApi();
  const std::string image = DataUri();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "the body is not valid JSON"},
      {"[]", "not a JSON object"},
      {"{\"input\": ", "the body is not valid JSON"},
      {std::string(100'000, '['), "levels"},
      // A bound that lets the parser go on took half a minute for these 512 KB.
      {"{\"input\": [{}" + Repeated(",{}", 170'000) + "]}", "more than 100000 values"},
      {json({{"budget", 1}}).dump(), "input is missing"},
      {json({{"input", "a text"}}).dump(), "input is no data URI"},
      {json({{"input", {image, "https://example.com/a.jpg"}}}).dump(), "input[1] is a remote URL"},
      {json({{"input", {{{"image_url", {{"url", "http://169.254.169.254/"}}}}}}}).dump(),
       "input[0].image_url.url is a remote URL"},
      {json({{"input", {1, 2}}}).dump(), "input[0] is 1, expected a data URI"},
      {json({{"input", "data:image/jpeg,abc"}}).dump(), "not base64"},
      {json({{"input", "data:image/jpeg;base64,?"}}).dump(), "data that are not base64"},
      {json({{"input", json::array()}}).dump(), "0 images, expected 1 to 8"},
      {json({{"input", image}, {"budgte", 0.5}}).dump(), "field budgte is not known"},
      {json({{"input", image}, {"budget", 7}}).dump(), "7"},
      {json({{"input", image}, {"budget", true}}).dump(), "budget is true"},
      {json({{"input", image}, {"floor", "low"}}).dump(), "floor"},
      {json({{"input", image}, {"dimensions", 17}}).dump(), "17"},
      {json({{"input", image}, {"dimensions", -1}}).dump(), "dimensions is -1"},
      {json({{"input", image}, {"encoding_format", "hex"}}).dump(), "float or base64"},
      {json({{"input", image}, {"timeout", 0}}).dump(), "timeout is 0"},
      {json({{"input", image}, {"timeout", "soon"}}).dump(), "timeout is \"soon\""},
      {json({{"input", image}, {"strict", 1}}).dump(), "strict is 1, expected true or false"},
  };
  for (const auto& [body, message] : cases) {
    const Reply reply = Post("/v1/embeddings", body);
    EXPECT_EQ(reply.status, 400) << message;
    EXPECT_THAT(MessageOf(reply), HasSubstr(message));
    EXPECT_EQ(reply.body["error"]["type"], "invalid_request_error");
    EXPECT_EQ(reply.body["error"]["code"], "INVALID_ARGUMENT");
    EXPECT_THAT(reply.head, HasSubstr("X-Should-Retry: false"));
  }
  EXPECT_EQ(engine_.computed(), 0);
}

TEST_F(HttpApiTest, AFaultyImageFailsTheCallWithItsIndex) {
  StartApi();
  const Reply reply = Embeddings({{"input", {DataUri(), DataUri("no image")}}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(MessageOf(reply), HasSubstr("images[1]"));
  EXPECT_EQ(engine_.computed(), 0);
}

TEST_F(HttpApiTest, ErrorsHaveTheStatusThatTheirCodeMeans) {
  context_.max_pixels = 10;
  StartApi(MakeServedModel(/*classes=*/0));
  EXPECT_EQ(Embeddings({{"input", DataUri()}, {"model", "other"}}).status, 404);
  EXPECT_EQ(Post("/v1/classify", json({{"input", DataUri()}}).dump()).status, 400);
  const Reply large = Embeddings({{"input", DataUri()}});
  EXPECT_EQ(large.status, 413);
  EXPECT_EQ(large.body["error"]["code"], "TOO_LARGE");
  state_.SetPhase(Phase::kDraining, 0);
  const Reply draining = Embeddings({{"input", DataUri()}});
  EXPECT_EQ(draining.status, 503);
  EXPECT_EQ(draining.body["error"]["code"], "DRAINING");
  EXPECT_THAT(draining.head,
              AllOf(HasSubstr("\r\nRetry-After: 1"), HasSubstr("\r\nRetry-After-Ms: 100"),
                    Not(HasSubstr("X-Should-Retry"))));
}

TEST_F(HttpApiTest, TenantsAreThoseOfGrpc) {
  tenants_file_ = "tenants:\n" + TenantOf("search", {"ceiling: 0.5"});
  StartApi();
  // Nobody waits for the body of a stranger.
  const Reply stranger =
      Parse(HttpExchange(port(), HeadOf("/v1/embeddings", 1'000'000) + "{\"input\":"));
  EXPECT_EQ(stranger.status, 401);
  EXPECT_EQ(stranger.body["error"]["type"], "authentication_error");
  EXPECT_THAT(stranger.head, HasSubstr("WWW-Authenticate: Bearer"));
  EXPECT_EQ(Embeddings({{"input", DataUri()}}, "Authorization: Bearer wrong\r\n").status, 401);
  const Reply known = Embeddings({{"input", DataUri()}}, "authorization: Bearer search-key\r\n");
  ASSERT_EQ(known.status, 200) << known.body;
  EXPECT_EQ(known.body["data"][0]["receipt"]["reason"], "TENANT_LIMIT");
  EXPECT_THAT(metrics_.Expose(),
              AllOf(HasSubstr("snapvit_requests_total{code=\"OK\",method=\"embed\","
                              "model=\"tiny\",tenant=\"search\"} 1\n"),
                    HasSubstr("snapvit_requests_total{code=\"UNAUTHENTICATED\",method=\"embed\","
                              "model=\"tiny\",tenant=\"other\"} 2\n")));
}

TEST_F(HttpApiTest, WhereCertificatesAreTheOnlyProofNobodyIsServed) {
  options_.certificates_only = true;
  StartApi();
  EXPECT_EQ(Embeddings({{"input", DataUri()}}).status, 403);
}

TEST_F(HttpApiTest, LimitsOfATenantSayWhenToTryAgain) {
  tenants_file_ = "tenants:\n" + TenantOf("search", {"concurrency: 1"});
  StartApi();
  engine_.Close();
  const std::string key = "Authorization: Bearer search-key\r\n";
  std::thread first([&] { EXPECT_EQ(Embeddings({{"input", DataUri()}}, key).status, 200); });
  engine_.AwaitComputed(1);
  const Reply second = Embeddings({{"input", DataUri()}}, key);
  EXPECT_EQ(second.status, 429);
  EXPECT_EQ(second.body["error"]["type"], "rate_limit_error");
  EXPECT_EQ(second.body["error"]["code"], "CONCURRENCY");
  EXPECT_THAT(second.head, HasSubstr("Retry-After: 1"));
  engine_.Open();
  first.join();
}

TEST_F(HttpApiTest, MoreCallsThanThereIsRoomForAreRefused) {
  options_.max_calls = 1;
  StartApi();
  engine_.Close();
  std::thread first([&] { EXPECT_EQ(Embeddings({{"input", DataUri()}}).status, 200); });
  engine_.AwaitComputed(1);
  const Reply second = Embeddings({{"input", DataUri()}});
  EXPECT_EQ(second.status, 429);
  EXPECT_EQ(second.body["error"]["code"], "QUEUE_FULL");
  engine_.Open();
  first.join();
}

TEST_F(HttpApiTest, WhatItsTimeoutHasPassedIsNotComputed) {
  StartApi();
  engine_.Close();
  std::thread first([&] { EXPECT_EQ(Embeddings({{"input", DataUri()}}).status, 200); });
  engine_.AwaitComputed(1);
  const Reply late = Embeddings({{"input", DataUri()}, {"timeout", "1ms"}});
  EXPECT_EQ(late.status, 504);
  EXPECT_EQ(late.body["error"]["code"], "EXPIRED");
  engine_.Open();
  first.join();
  EXPECT_EQ(engine_.computed(), 1);
}

TEST_F(HttpApiTest, WhatAClientNoLongerWaitsForIsNotComputed) {
  StartApi();
  engine_.Close();
  std::thread first([&] { EXPECT_EQ(Embeddings({{"input", DataUri()}}).status, 200); });
  engine_.AwaitComputed(1);
  const std::string body = json({{"input", DataUri()}}).dump();
  {
    const HttpConnection connection(port());
    connection.Send(HeadOf("/v1/embeddings", body.size()) + body);
    while (executor_->Stats().queued.items == 0) std::this_thread::yield();
  }
  while (executor_->Stats().queued.items > 0) std::this_thread::yield();
  engine_.Open();
  first.join();
  EXPECT_EQ(engine_.computed(), 1);
}

TEST_F(HttpApiTest, TooLargeBodiesAreRefusedBeforeTheyAreRead) {
  options_.max_body_bytes = 1000;
  StartApi();
  const Reply reply = Post("/v1/embeddings", std::string(100'000, ' '));
  EXPECT_EQ(reply.status, 413);
  EXPECT_THAT(MessageOf(reply), AllOf(HasSubstr("100000 bytes"), HasSubstr("at most 1000")));
  // Without a length it shows only on the way.
  std::string chunked =
      "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 3; ++i) chunked += "200\r\n" + std::string(512, ' ') + "\r\n";
  EXPECT_EQ(Parse(HttpExchange(port(), chunked + "0\r\n\r\n")).status, 413);
}

TEST_F(HttpApiTest, BodiesTogetherStayWithinTheirMemory) {
  const std::string small = json({{"input", DataUri()}}).dump();
  // Of two of the parts in which bodies are read, and a little.
  const std::string large = small + std::string((size_t{128} << 10) + 100 - small.size(), ' ');
  options_.max_body_memory = 3 * large.size();
  StartApi();
  const HttpConnection first(port());
  first.Send(HeadOf("/v1/embeddings", large.size()) + large.substr(0, large.size() - 1));
  // Once that was read there is no room for another: one that only says how large it will be is
  // not waited for.
  Reply promise;
  for (int i = 0; i < 100 && promise.status == 0; ++i) {
    const HttpConnection connection(port());
    connection.Send(HeadOf("/v1/embeddings", small.size()));
    if (connection.AwaitReply(absl::Milliseconds(50))) promise = Parse(connection.ReceiveAll());
  }
  ASSERT_EQ(promise.status, 429) << promise.body;
  EXPECT_EQ(promise.body["error"]["code"], "QUEUE_FULL");
  EXPECT_THAT(MessageOf(promise), HasSubstr("--max-message-memory"));
  EXPECT_THAT(promise.head, HasSubstr("Retry-After: 1"));
  EXPECT_EQ(Post("/v1/embeddings", small).status, 429);
  // The rest of one that does not say it is not read.
  const HttpConnection chunked(port());
  chunked.Send(
      "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\n10000\r\n" +
      std::string(0x10000, ' ') + "\r\n");
  EXPECT_EQ(Parse(chunked.ReceiveAll()).status, 429);
  EXPECT_THAT(metrics_.Expose(), HasSubstr("{reason=\"HTTP_MEMORY\"} 3\n"));
  // Those that were refused hold nothing; nor does one that was read.
  first.Send(" ");
  EXPECT_EQ(Parse(first.ReceiveAll()).status, 200);
  EXPECT_EQ(Post("/v1/embeddings", large).status, 200);
}

TEST_F(HttpApiTest, ABodyThatIsAloneHasRoom) {
  options_.max_body_memory = 100;
  StartApi();
  EXPECT_EQ(Embeddings({{"input", DataUri()}}).status, 200);
  EXPECT_EQ(Embeddings({{"input", DataUri()}}).status, 200);
}

TEST_F(HttpApiTest, BodiesMayComeInChunksOrAfterAPromise) {
  StartApi();
  const std::string body = json({{"input", DataUri()}}).dump();
  const std::string head = "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  EXPECT_EQ(Parse(HttpExchange(port(),
                               absl::StrCat(head, "Transfer-Encoding: chunked\r\n\r\n",
                                            absl::Hex(body.size()), "\r\n", body, "\r\n0\r\n\r\n")))
                .status,
            200);
  const HttpConnection connection(port());
  connection.Send(HeadOf("/v1/embeddings", body.size(), "Expect: 100-continue\r\n"));
  EXPECT_THAT(connection.Receive(), StartsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  connection.Send(body);
  EXPECT_THAT(connection.ReceiveAll(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpApiTest, AClientThatSendsSlowlyLosesItsCall) {
  options_.body_time = absl::Milliseconds(100);
  StartApi();
  const HttpConnection silent(port());
  silent.Send(HeadOf("/v1/embeddings", 100) + "{");
  const HttpConnection slow(port());
  slow.Send(HeadOf("/v1/embeddings", 1'000'000));
  while (!slow.AwaitReply(absl::Milliseconds(10))) slow.Send(" ");
  for (const HttpConnection* connection : {&silent, &slow}) {
    const Reply reply = Parse(connection->ReceiveAll());
    EXPECT_EQ(reply.status, 408);
    EXPECT_EQ(reply.body["error"]["code"], "SLOW_BODY");
  }
}

}  // namespace
}  // namespace snapvit
