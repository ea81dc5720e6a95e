// HttpApi: embeddings and labels over HTTP, for those without gRPC: POST /v1/embeddings in the
// shape of OpenAI's, and POST /v1/classify. Requests take the path of snapvit.v1.Inference, with
// the same tenants, limits and errors.
#ifndef SNAPVIT_SERVER_HTTP_API_H_
#define SNAPVIT_SERVER_HTTP_API_H_

#include <atomic>
#include <cstddef>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/http_body_memory.h"
#include "server/http_server.h"
#include "server/inference_context.h"

namespace snapvit {

// Thread-safe. Outlives the HTTP server that serves its calls.
class HttpApi {
 public:
  struct Options {
    size_t max_body_bytes = size_t{64} << 20;
    // Of all bodies together, from their first byte until they are understood.
    size_t max_body_memory = size_t{1} << 30;
    absl::Duration body_time = absl::Seconds(30);  // within which a body must have come
    int max_calls = 64;  // answered at the same time; each holds a thread of the HTTP server
    // Callers are known by certificates alone, which HTTP has none of: everybody is refused.
    bool certificates_only = false;
  };

  HttpApi(InferenceContext context, Options options)
      : context_(context), options_(options), bodies_(options.max_body_memory) {}

  // What the HTTP server is to serve, by path.
  std::map<std::string, HttpCallHandler> Calls();
  int max_calls() const { return options_.max_calls; }

 private:
  // The whole way of a call. `Endpoint`: its method, its body, its reply (http_api.cc).
  template <typename Endpoint>
  HttpResponse Answer(HttpRequest& http);
  // Up to a body that was read and understood; an error was counted and logged.
  template <typename Endpoint>
  absl::StatusOr<TenantPtr> Receive(HttpRequest& http, const Caller& caller,
                                    typename Endpoint::Call& call);
  template <typename Endpoint>
  absl::StatusOr<typename Endpoint::Call> ReadCall(HttpRequest& http);
  absl::Status Admit() const;
  template <typename Endpoint>
  absl::Status Serve(HttpRequest& http, const Caller& caller, TenantPtr tenant,
                     typename Endpoint::Call& call, typename Endpoint::Method::Response& response);

  const InferenceContext context_;
  const Options options_;
  HttpBodyMemory bodies_;
  std::atomic<int> calls_ = 0;  // under way
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HTTP_API_H_
