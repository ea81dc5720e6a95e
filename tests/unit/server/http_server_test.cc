#include "server/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace snapvit {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Sends `request` to 127.0.0.1:`port` and returns all that comes back until the peer closes.
std::string Exchange(uint16_t port, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string reply;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) reply.append(buffer, n);
  close(fd);
  return reply;
}

std::string Get(uint16_t port, const std::string& path, const std::string& method = "GET") {
  return Exchange(port, method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

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
    auto server = HttpServer::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  uint16_t port() const { return server_->address().port; }
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ReportsTheFreePortThatItTook) { EXPECT_NE(port(), 0); }

TEST_F(HttpServerTest, AnswersRoutes) {
  const std::string ok = Get(port(), "/healthz");
  EXPECT_THAT(ok, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(ok, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(ok, HasSubstr("\r\n\r\n{\"ok\":true}"));
  EXPECT_THAT(Get(port(), "/readyz"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, IgnoresTheQueryString) {
  EXPECT_THAT(Get(port(), "/healthz?verbose=1"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  const std::string reply = Get(port(), "/healthz", "HEAD");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(reply, Not(HasSubstr("{\"ok\"")));
}

TEST_F(HttpServerTest, UnknownPagesAre404InJson) {
  for (const char* path : {"/", "/healthz/x", "/../../etc/passwd", "/%2e%2e/etc/passwd"}) {
    const std::string reply = Get(port(), path);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 404 ")) << path;
    EXPECT_THAT(reply, HasSubstr("\"error\":\"no page ")) << path;
  }
}

TEST_F(HttpServerTest, OtherMethodsAreRefused) {
  const std::string reply =
      Exchange(port(), "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nGET ");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(reply, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_EQ(reply.find("HTTP/1.1", 1), std::string::npos) << reply;  // one answer only
}

TEST_F(HttpServerTest, RefusesOversizedRequests) {
  const std::string reply = Get(port(), "/" + std::string(100'000, 'a'));
  EXPECT_THAT(reply, Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(Get(port(), "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
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
