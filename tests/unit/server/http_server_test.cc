#include "server/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/testing/http_client.h"

namespace snapvit {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override {
    HttpServer::Options options;
    options.address = {"127.0.0.1", 0};
    options.routes["/healthz"] = [] {
      return HttpResponse{200, "application/json", "{\"ok\":true}"};
    };
    options.routes["/readyz"] = [] {
      return HttpResponse{503, "application/json", "{\"ready\":false}"};
    };
    options.calls["/echo"] = [this](HttpRequest& request) {
      if (!called_.HasBeenNotified()) called_.Notify();
      const auto body = request.ReadBody(/*max_bytes=*/1000, absl::Seconds(30));
      return HttpResponse{200, "text/plain", body.value_or("")};
    };
    options.routes["/large"] = [] {
      return HttpResponse{200, "text/plain", std::string(size_t{32} << 20, 'x')};
    };
    options.on_head_cut = [this] { ++heads_cut_; };
    options.on_answer_cut = [this] { ++answers_cut_; };
    auto server = HttpServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // The whole answer to a GET of /healthz on a connection that is kept; what there is if it is not.
  static std::string Healthz(const HttpConnection& connection) {
    connection.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string reply;
    for (std::string part; reply.find("{\"ok\":true}") == std::string::npos; reply += part) {
      if ((part = connection.Receive()).empty()) break;
    }
    return reply;
  }

  uint16_t port() const { return server_->address().port; }
  absl::Notification called_;  // /echo, for the first time; its calls follow each other
  std::atomic<int> heads_cut_ = 0;
  std::atomic<int> answers_cut_ = 0;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ReportsTheFreePortThatItTook) { EXPECT_NE(port(), 0); }

TEST_F(HttpServerTest, AnswersRoutes) {
  const std::string ok = HttpGet(port(), "/healthz");
  EXPECT_THAT(ok, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(ok, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(ok, HasSubstr("\r\n\r\n{\"ok\":true}"));
  EXPECT_THAT(HttpGet(port(), "/readyz"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, IgnoresTheQueryString) {
  EXPECT_THAT(HttpGet(port(), "/healthz?verbose=1"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  const std::string reply = HttpGet(port(), "/healthz", "HEAD");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(reply, Not(HasSubstr("{\"ok\"")));
}

TEST_F(HttpServerTest, UnknownPagesAre404InJson) {
  for (const char* path : {"/", "/healthz/x", "/../../etc/passwd", "/%2e%2e/etc/passwd"}) {
    const std::string reply = HttpGet(port(), path);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 404 ")) << path;
    EXPECT_THAT(reply, HasSubstr("\"error\":\"no page ")) << path;
  }
}

TEST_F(HttpServerTest, OtherMethodsAreRefused) {
  const std::string reply =
      HttpExchange(port(), "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nGET ");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(reply, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_EQ(reply.find("HTTP/1.1", 1), std::string::npos) << reply;  // one answer only
}

TEST_F(HttpServerTest, CallsTakePostsAlone) {
  EXPECT_THAT(HttpExchange(port(),
                           "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                           "Content-Length: 4\r\n\r\nping"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("\r\n\r\nping")));
  EXPECT_THAT(HttpGet(port(), "/echo"),
              AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: POST\r\n")));
}

TEST_F(HttpServerTest, CallsOfOneConnectionFollowEachOther) {
  const HttpConnection connection(port());
  const std::string call = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n";
  for (const char* body : {"ping", "pong"}) {
    connection.Send(call + body);
    std::string reply;
    while (reply.find(body) == std::string::npos) {
      const std::string part = connection.Receive();
      ASSERT_NE(part, "") << reply;
      reply += part;
    }
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  }
}

TEST_F(HttpServerTest, AnEndDoesNotWaitForBodiesThatDoNotCome) {
  const HttpConnection connection(port());
  connection.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nno");
  // Connections that no thread has taken yet end with the process only.
  called_.WaitForNotification();
  server_.reset();
  connection.ReceiveAll();
}

TEST_F(HttpServerTest, RefusesOversizedRequests) {
  const std::string reply = HttpGet(port(), "/" + std::string(100'000, 'a'));
  EXPECT_THAT(reply, Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(HttpGet(port(), "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpServerTest, ConnectionsAreKeptLongerThanProxiesKeepThem) {
  const HttpConnection connection(port());
  EXPECT_THAT(Healthz(connection), HasSubstr("\r\nKeep-Alive: timeout=75\r\n"));
  EXPECT_THAT(HttpGet(port(), "/healthz"), Not(HasSubstr("Keep-Alive:"))) << "this one is closed";
}

TEST_F(HttpServerTest, AnEndDoesNotWaitForConnectionsWithoutARequest) {
  const HttpConnection connection(port());
  EXPECT_THAT(Healthz(connection), StartsWith("HTTP/1.1 200 OK\r\n"));
  server_.reset();
  connection.ReceiveAll();
}

// More than there are threads, of which every one could be taken up by one of them.
constexpr int kManyConnections = 200;

TEST(HttpServer, SaysWhenItHasNoIpv6) {
  HttpServer::Options options;
  options.address = {"::1", 0};
  const absl::Status status = HttpServer::Start(std::move(options)).status();
  if (status.ok()) GTEST_SKIP() << "this civetweb has IPv6";
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("without IPv6"));
}

TEST_F(HttpServerTest, ConnectionsWithoutARequestMakeWay) {
  for (const char* begun : {"", "GET /healthz HTT"}) {
    std::vector<std::unique_ptr<HttpConnection>> connections;
    for (int i = 0; i < kManyConnections; ++i) {
      connections.push_back(std::make_unique<HttpConnection>(port()));
      connections.back()->Send(begun);
    }
    EXPECT_THAT(HttpGet(port(), "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n")) << begun;
    EXPECT_EQ(connections.front()->ReceiveAll(), "") << "the oldest was closed";
  }
  EXPECT_GT(heads_cut_, kManyConnections);
}

TEST_F(HttpServerTest, KeptConnectionsMakeWayToo) {
  std::vector<std::unique_ptr<HttpConnection>> connections;
  for (int i = 0; i < kManyConnections; ++i) {
    connections.push_back(std::make_unique<HttpConnection>(port()));
    ASSERT_THAT(Healthz(*connections.back()), StartsWith("HTTP/1.1 200 OK\r\n")) << i;
  }
  EXPECT_THAT(HttpGet(port(), "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(connections.front()->ReceiveAll(), "") << "the oldest was closed";
  EXPECT_GT(heads_cut_, 0);
}

TEST_F(HttpServerTest, ConnectionsThatDoNotTakeTheirAnswersMakeWay) {
  std::vector<std::unique_ptr<HttpConnection>> connections;
  for (int i = 0; i < kManyConnections; ++i) {
    connections.push_back(std::make_unique<HttpConnection>(port()));
    connections.back()->Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    if (i % 20 != 0) continue;
    EXPECT_THAT(HttpGet(port(), "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n")) << i;
  }
  EXPECT_GT(answers_cut_, 0);
}

TEST_F(HttpServerTest, ATakenPortIsAnError) {
  HttpServer::Options options;
  options.address = server_->address();
  const auto second = HttpServer::Start(std::move(options));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server_->address().ToString()));
}

TEST(HttpServer, AHostThatIsNotOursIsAnError) {
  HttpServer::Options options;
  options.address = {"192.0.2.1", 0};
  EXPECT_FALSE(HttpServer::Start(std::move(options)).ok());
}

}  // namespace
}  // namespace snapvit
