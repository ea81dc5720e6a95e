// HttpServer: a small HTTP/1.1 listener for what people and machines look at: metrics, health,
// readiness. It answers GET and HEAD of exact paths; nothing is served from disk and no request
// body is read.
#ifndef SNAPVIT_SERVER_HTTP_SERVER_H_
#define SNAPVIT_SERVER_HTTP_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/host_port.h"

struct mg_context;
struct mg_connection;

namespace snapvit {

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

// Called from any of the server's threads, several at a time. Must not throw.
using HttpHandler = std::function<HttpResponse()>;

class HttpServer {
 public:
  struct Options {
    HostPort address;                           // port 0: any free one
    std::map<std::string, HttpHandler> routes;  // by exact path, "/metrics"
    int threads = 3;  // answering at the same time; more connections wait in a short queue
  };

  // Binds and answers at once. FAILED_PRECONDITION, naming the address, if it cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Options options);

  // Stops listening, waits for answers under way.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The bound address, with the real port.
  const HostPort& address() const { return address_; }

 private:
  explicit HttpServer(Options options);

  static int OnRequest(mg_connection* connection);
  HttpResponse Respond(const std::string& method, const std::string& path) const;

  HostPort address_;
  const std::map<std::string, HttpHandler> routes_;
  mg_context* context_ = nullptr;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HTTP_SERVER_H_
