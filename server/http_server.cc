#include "server/http_server.h"

#include <civetweb.h>

#include <atomic>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "server/printable_text.h"

namespace snapvit {
namespace {

// Beside those that answer: for clients that send on although they were refused.
constexpr int kDropThreads = 8;
// For connections on which no request has come yet: idle ones, and clients that send slowly.
constexpr int kHeadThreads = 16;
// A client may be late to send after it has connected, on a busy machine.
constexpr uint32_t kGraceMs = 10;
// For the next request on a connection: longer than proxies keep theirs (nginx and others a
// minute), so that they are not answered by a reset. It costs nothing while there are threads.
constexpr absl::Duration kKeepAlive = absl::Seconds(75);

// As many threads as answer may be taken up by answers that their clients do not take.
int AnswerThreads(const HttpServer::Options& options) { return 2 * options.threads + kDropThreads; }
int AllThreads(const HttpServer::Options& options) { return AnswerThreads(options) + kHeadThreads; }

HttpResponse Error(int status, const std::string& message) {
  // Both parts are ours or printable already; quotes and backslashes are the only characters left
  // to escape.
  std::string escaped;
  for (const char c : PrintableText(message, 256)) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return {status, "application/json", absl::StrCat("{\"error\":\"", escaped, "\"}\n")};
}

// Whether the client may send another request on the connection, as civetweb tells it, too.
bool KeepsConnection(const mg_request_info& info, const HttpRequest& request) {
  const std::vector<std::string> wishes = request.Headers("Connection");
  if (wishes.empty()) return std::string_view(info.http_version) == "1.1";
  return absl::EqualsIgnoreCase(wishes.front(), "keep-alive");
}

int DropMessage(const mg_connection*, const char*) { return 1; }

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(Options options) {
  static std::once_flag initialised;
  std::call_once(initialised, [] { mg_init_library(0); });
  if (absl::StrContains(options.address.host, ':') && mg_check_feature(MG_FEATURES_IPV6) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen for HTTP on ", options.address.ToString(),
                     ": civetweb was built without IPv6 here (Debian's is), expected an IPv4 "
                     "address (--http)"));
  }

  const std::string address = options.address.ToString();
  const std::string threads = std::to_string(AllThreads(options));
  const std::string head_bytes = std::to_string(options.max_head_bytes);
  const std::string keep_alive = std::to_string(absl::ToInt64Milliseconds(kKeepAlive));
  auto server = std::unique_ptr<HttpServer>(new HttpServer(std::move(options)));

  mg_callbacks callbacks = {};
  callbacks.init_connection = &HttpServer::OnConnection;
  callbacks.begin_request = &HttpServer::OnRequest;
  callbacks.connection_close = &HttpServer::OnClose;
  callbacks.log_message = &DropMessage;
  callbacks.log_access = &DropMessage;
  // An idle connection holds a thread until it is needed: HeadRoom cuts the most silent ones.
  const char* settings[] = {"listening_ports",
                            address.c_str(),
                            "num_threads",
                            threads.c_str(),
                            "connection_queue",
                            "16",
                            "max_request_size",
                            head_bytes.c_str(),
                            "request_timeout_ms",
                            "5000",
                            "enable_keep_alive",
                            "yes",
                            "keep_alive_timeout_ms",
                            keep_alive.c_str(),
                            "tcp_nodelay",
                            "1",
                            nullptr};
  mg_init_data init = {&callbacks, server.get(), settings};
  unsigned code = 0;
  std::vector<char> text(512, '\0');
  mg_error_data error = {&code, text.data(), text.size()};
  server->context_ = mg_start2(&init, &error);
  mg_server_port port = {};
  if (server->context_ == nullptr || mg_get_server_ports(server->context_, 1, &port) < 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen for HTTP on ", address, ": ", text.data(),
                     ", expected a local address with a free port (--http)"));
  }
  server->address_.port = static_cast<uint16_t>(port.port);
  server->port_ = server->address_.port;
  return server;
}

HttpServer::HttpServer(Options options)
    : address_(std::move(options.address)),
      routes_(std::move(options.routes)),
      calls_(std::move(options.calls)),
      heads_({.most = kHeadThreads,
              .threads = static_cast<size_t>(AllThreads(options)),
              .grace_ms = kGraceMs,
              .on_cut = std::move(options.on_head_cut)}),
      answers_(options.threads, AnswerThreads(options), std::move(options.on_answer_cut)) {}

HttpServer::~HttpServer() {
  if (context_ == nullptr) return;
  timer_.ExpireAll();
  // civetweb looks at its stop flag only every two seconds, or when somebody connects: so connect.
  std::atomic<bool> stopped = false;
  std::thread waker([this, &stopped] {
    while (!stopped) {
      char error[64];
      mg_connection* const wake = mg_connect_client(address_.host.c_str(), address_.port,
                                                    /*use_ssl=*/0, error, sizeof(error));
      if (wake != nullptr) mg_close_connection(wake);
      // Nor do threads that wait for requests look at it all the time.
      heads_.CutAll(port_);
      absl::SleepFor(absl::Milliseconds(10));
    }
  });
  mg_stop(context_);
  stopped = true;
  waker.join();
}

HttpServer& HttpServer::ServerOf(const mg_connection* connection) {
  return *static_cast<HttpServer*>(mg_get_user_data(mg_get_context(connection)));
}

HttpResponse HttpServer::Respond(const std::string& method, const std::string& path,
                                 HttpRequest& request) const {
  const auto route = routes_.find(path);
  const auto call = calls_.find(path);
  if (route == routes_.end() && call == calls_.end()) {
    std::vector<std::string> paths;
    for (const auto& known : routes_) paths.push_back(known.first);
    for (const auto& known : calls_) paths.push_back(known.first);
    return Error(404, absl::StrCat("no page ", PrintableText(path, 64), ", expected one of ",
                                   absl::StrJoin(paths, ", ")));
  }
  if (call != calls_.end()) {
    if (method == "POST") return call->second(request);
  } else if (method == "GET" || method == "HEAD") {
    return route->second();
  }
  const char* allowed = call != calls_.end() ? "POST" : "GET, HEAD";
  HttpResponse response = Error(405, absl::StrCat("method ", PrintableText(method, 16), " of ",
                                                  path, ", expected ", allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

int HttpServer::OnConnection(const mg_connection* connection, void** /*data*/) {
  HttpServer& server = ServerOf(connection);
  server.heads_.Opened(server.port_);
  return 0;
}

void HttpServer::OnClose(const mg_connection* connection) { ServerOf(connection).heads_.Closed(); }

int HttpServer::OnRequest(mg_connection* connection) {
  const mg_request_info* info = mg_get_request_info(connection);
  auto* server = &ServerOf(connection);
  const ConnectionEnds ends = EndsOf(connection);
  server->heads_.RequestCame(ends);
  const std::string method = info->request_method;
  HttpRequest request(connection, &server->timer_);
  const HttpResponse response =
      server->Respond(method, info->local_uri == nullptr ? "" : info->local_uri, request);
  const bool whole = request.body_read() || !request.has_body();
  if (!whole) mg_disable_keep_alive(connection);
  server->answers_.Enter(ends);
  const bool kept = whole && KeepsConnection(*info, request);
  server->Send(connection, response, {.with_body = method != "HEAD", .kept = kept});
  server->answers_.Leave(ends);
  if (!whole) server->Drop(request);
  server->heads_.RequestDone(ends);
  return response.status;
}

void HttpServer::Drop(HttpRequest& request) {
  if (++dropping_ <= kDropThreads) {
    request.DropBody();
  } else {
    request.StopReading();
  }
  --dropping_;
}

void HttpServer::Send(mg_connection* connection, const HttpResponse& response,
                      Sending sending) const {
  mg_response_header_start(connection, response.status);
  const auto add = [&](const char* name, const std::string& value) {
    mg_response_header_add(connection, name, value.c_str(), static_cast<int>(value.size()));
  };
  add("Content-Type", response.content_type);
  add("Content-Length", std::to_string(response.body.size()));
  add("Cache-Control", "no-store");
  add("X-Content-Type-Options", "nosniff");
  if (sending.kept) add("Keep-Alive", absl::StrCat("timeout=", absl::ToInt64Seconds(kKeepAlive)));
  for (const auto& [name, value] : response.headers) add(name.c_str(), value);
  mg_response_header_send(connection);
  if (sending.with_body) mg_write(connection, response.body.data(), response.body.size());
}

}  // namespace snapvit
