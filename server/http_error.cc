#include "server/http_error.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/error_reason.h"
#include "server/http_request.h"
#include "server/rpc_status.h"

namespace snapvit {
namespace {

struct Row {
  grpc::StatusCode code;
  std::string_view reason;  // empty: any other
  int http;
  const char* type;
};

// The first row that fits.
constexpr Row kTable[] = {
    {grpc::StatusCode::INVALID_ARGUMENT, "", 400, "invalid_request_error"},
    {grpc::StatusCode::FAILED_PRECONDITION, "", 400, "invalid_request_error"},
    {grpc::StatusCode::UNAUTHENTICATED, "", 401, "authentication_error"},
    {grpc::StatusCode::PERMISSION_DENIED, "", 403, "permission_error"},
    {grpc::StatusCode::NOT_FOUND, "", 404, "not_found_error"},
    {grpc::StatusCode::RESOURCE_EXHAUSTED, kReasonTooLarge, 413, "invalid_request_error"},
    {grpc::StatusCode::RESOURCE_EXHAUSTED, "", 429, "rate_limit_error"},
    {grpc::StatusCode::DEADLINE_EXCEEDED, kReasonSlowBody, 408, "timeout_error"},
    {grpc::StatusCode::DEADLINE_EXCEEDED, "", 504, "timeout_error"},
    {grpc::StatusCode::CANCELLED, "", 499, "cancelled_error"},
    {grpc::StatusCode::UNIMPLEMENTED, "", 501, "server_error"},
    {grpc::StatusCode::UNAVAILABLE, "", 503, "server_error"},
};
constexpr Row kOtherwise = {grpc::StatusCode::INTERNAL, "", 500, "server_error"};

const Row& RowOf(const RpcError& error) {
  for (const Row& row : kTable) {
    if (row.code == error.status.error_code() && (row.reason.empty() || row.reason == error.reason))
      return row;
  }
  return kOtherwise;
}

}  // namespace

HttpResponse ToHttpError(const absl::Status& status) {
  const RpcError error = ToRpcError(status);
  const Row& row = RowOf(error);
  HttpResponse response;
  response.status = row.http;
  const nlohmann::ordered_json body = {{"error",
                                        {{"message", error.status.error_message()},
                                         {"type", row.type},
                                         {"param", nullptr},
                                         {"code", error.reason}}}};
  response.body = body.dump() + "\n";
  if (row.http == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.retry_after.has_value()) {
    const absl::Duration seconds = absl::Ceil(*error.retry_after, absl::Seconds(1));
    response.headers.emplace_back("Retry-After", absl::StrCat(absl::ToInt64Seconds(seconds)));
    response.headers.emplace_back("Retry-After-Ms", error.pushback_ms);
  } else {
    response.headers.emplace_back("X-Should-Retry", "false");
  }
  return response;
}

}  // namespace snapvit
