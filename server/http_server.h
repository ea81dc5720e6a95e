// HttpServer: a small HTTP/1.1 listener for pages (GET and HEAD: what people and machines look at)
// and calls (POST), all by exact paths; nothing is served from disk.
#ifndef SNAPVIT_SERVER_HTTP_SERVER_H_
#define SNAPVIT_SERVER_HTTP_SERVER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/connection_room.h"
#include "server/head_room.h"
#include "server/host_port.h"
#include "server/http_request.h"
#include "server/socket_timer.h"

struct mg_context;
struct mg_connection;

namespace snapvit {

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};  // further ones
};

// Called from any of the server's threads, several at a time. Must not throw.
using HttpHandler = std::function<HttpResponse()>;
using HttpCallHandler = std::function<HttpResponse(HttpRequest& request)>;

class HttpServer {
 public:
  struct Options {
    HostPort address;                              // port 0: any free one
    std::map<std::string, HttpHandler> routes;     // pages by exact path, "/metrics"
    std::map<std::string, HttpCallHandler> calls;  // by exact path, "/v1/embeddings"
    // Answering at the same time; more connections wait in a short queue. A call holds its thread
    // until it is answered.
    int threads = 3;
    size_t max_head_bytes = size_t{16} << 10;  // of a request: its line and headers
    // A connection on which no request came, or no further one, was closed, since others wanted its
    // thread; one that did not take its answer. Called from any thread; may be empty.
    std::function<void()> on_head_cut;
    std::function<void()> on_answer_cut;
  };

  // Binds and answers at once. FAILED_PRECONDITION, naming the address, if it cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Options options);

  // Stops listening, waits for answers under way. Connections that no thread has taken yet are not
  // answered and end with the process (civetweb forgets them).
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The bound address, with the real port.
  const HostPort& address() const { return address_; }

 private:
  explicit HttpServer(Options options);

  static HttpServer& ServerOf(const mg_connection* connection);
  static int OnConnection(const mg_connection* connection, void** data);
  static int OnRequest(mg_connection* connection);
  static void OnClose(const mg_connection* connection);
  HttpResponse Respond(const std::string& method, const std::string& path,
                       HttpRequest& request) const;
  struct Sending {
    bool with_body = true;
    bool kept = false;  // the connection takes another request afterwards
  };
  void Send(mg_connection* connection, const HttpResponse& response, Sending sending) const;
  // After the answer to a request whose body was not read.
  void Drop(HttpRequest& request);

  HostPort address_;
  const std::map<std::string, HttpHandler> routes_;
  const std::map<std::string, HttpCallHandler> calls_;
  std::atomic<uint16_t> port_ = 0;  // of address_, for connections that come before Start() returns
  SocketTimer timer_;
  // Whose clients decide how long they hold a thread.
  HeadRoom heads_;                 // those on which a request is to come
  ConnectionRoom answers_;         // those that are to take an answer
  std::atomic<int> dropping_ = 0;  // threads in Drop()
  mg_context* context_ = nullptr;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HTTP_SERVER_H_
