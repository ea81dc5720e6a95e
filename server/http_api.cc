#include "server/http_api.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"
#include "server/caller.h"
#include "server/exchange.h"
#include "server/http_api_reply.h"
#include "server/http_api_request.h"
#include "server/http_error.h"
#include "server/refused_request.h"

namespace snapvit {
namespace {

// How often a waiting call looks whether its client is still there.
constexpr absl::Duration kLookPeriod = absl::Milliseconds(50);

struct EmbeddingsEndpoint {
  using Method = EmbedMethod;
  using Call = EmbeddingsCall;
  static absl::StatusOr<Call> Read(std::string body) { return ReadEmbeddingsCall(std::move(body)); }
  static HttpResponse Reply(const Call& call, const Method::Response& response,
                            const ReplyModel& model) {
    return EmbeddingsReply(response, model, call.base64);
  }
};

struct ClassifyEndpoint {
  using Method = ClassifyMethod;
  using Call = ClassifyCall;
  static absl::StatusOr<Call> Read(std::string body) { return ReadClassifyCall(std::move(body)); }
  static HttpResponse Reply(const Call&, const Method::Response& response,
                            const ReplyModel& model) {
    return ClassifyReply(response, model);
  }
};

}  // namespace

std::map<std::string, HttpCallHandler> HttpApi::Calls() {
  return {
      {"/v1/embeddings", [this](HttpRequest& http) { return Answer<EmbeddingsEndpoint>(http); }},
      {"/v1/classify", [this](HttpRequest& http) { return Answer<ClassifyEndpoint>(http); }},
  };
}

template <typename Endpoint>
HttpResponse HttpApi::Answer(HttpRequest& http) {
  ++calls_;
  const ActiveCalls::Call open(context_.calls);
  const Caller caller(http.peer(), http.Headers("Authorization"), http.Headers(kTraceparent));
  typename Endpoint::Call call;
  typename Endpoint::Method::Response response;
  const absl::StatusOr<TenantPtr> tenant = Receive<Endpoint>(http, caller, call);
  absl::Status status = tenant.status();
  if (status.ok()) status = Serve<Endpoint>(http, caller, *tenant, call, response);
  --calls_;
  HttpResponse reply = status.ok() ? Endpoint::Reply(call, response,
                                                     {context_.state->model_name(),
                                                      context_.state->Get().model->config.tokens()})
                                   : ToHttpError(status);
  if (caller.trace.has_value()) {
    reply.headers.emplace_back("Traceresponse", caller.trace->Traceresponse());
  }
  return reply;
}

// Who it is is asked before the body is read, so that strangers cannot make the server wait for
// one.
template <typename Endpoint>
absl::StatusOr<TenantPtr> HttpApi::Receive(HttpRequest& http, const Caller& caller,
                                           typename Endpoint::Call& call) {
  std::string name = kOtherTenant;
  const auto receive = [&]() -> absl::StatusOr<TenantPtr> {
    RETURN_IF_ERROR(Admit());
    ASSIGN_OR_RETURN(const TenantPtr tenant, context_.authenticator->Authenticate(caller));
    name = tenant->policy.name;
    ASSIGN_OR_RETURN(call, ReadCall<Endpoint>(http));
    return tenant;
  };
  absl::StatusOr<TenantPtr> tenant = receive();
  if (!tenant.ok()) {
    using Method = typename Endpoint::Method;
    RecordRefused(context_, {Method::kRpc, Method::kName, name, caller.trace}, tenant.status());
  }
  return tenant;
}

// From then on the queue counts what is held.
template <typename Endpoint>
absl::StatusOr<typename Endpoint::Call> HttpApi::ReadCall(HttpRequest& http) {
  HttpBodyMemory::Share share(&bodies_);
  absl::StatusOr<std::string> body =
      http.ReadBody(options_.max_body_bytes, options_.body_time, &share);
  if (GetReason(body.status()) == kReasonQueueFull) {
    context_.metrics->RecordRefusal(Refusal::kHttpMemory);
  }
  RETURN_IF_ERROR(body.status());
  return Endpoint::Read(*std::move(body));
}

absl::Status HttpApi::Admit() const {
  if (options_.certificates_only) {
    return absl::PermissionDeniedError(
        "this server knows its callers by their certificates, expected a call over gRPC");
  }
  if (calls_ <= options_.max_calls) return absl::OkStatus();
  context_.metrics->RecordRefusal(Refusal::kHttpCalls);
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(options_.max_calls,
                                                " HTTP calls are under way, the most at "
                                                "the same time (--max-http-calls)")),
      kReasonQueueFull);
}

template <typename Endpoint>
absl::Status HttpApi::Serve(HttpRequest& http, const Caller& caller, TenantPtr tenant,
                            typename Endpoint::Call& call,
                            typename Endpoint::Method::Response& response) {
  // OpenAI's clients have no place for the error of one image.
  Exchange<typename Endpoint::Method> exchange(&context_, &caller, &call.request, &response,
                                               InferenceJob::ImageFaults::kOfAll);
  absl::Status status;
  absl::Notification done;
  exchange.Start(std::move(tenant), absl::InfiniteFuture(), [&](const absl::Status& end) {
    status = end;
    done.Notify();
  });
  while (!done.WaitForNotificationWithTimeout(kLookPeriod)) {
    if (http.ClientIsGone()) exchange.Cancel();
  }
  return status;
}

}  // namespace snapvit
