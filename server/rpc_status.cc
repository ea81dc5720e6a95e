#include "server/rpc_status.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"
#include "google/rpc/error_details.pb.h"
#include "server/printable_text.h"

namespace snapvit {
namespace {

constexpr char kErrorDomain[] = "snapvit";
// Status messages travel in a header; peers refuse header lists above 8 KiB.
constexpr size_t kMaxMessageBytes = 1024;

// Reason of errors that were given none.
const char* DefaultReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kCancelled:
      return "CANCELLED";
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return "INVALID_ARGUMENT";
    case absl::StatusCode::kDeadlineExceeded:
      return "EXPIRED";
    case absl::StatusCode::kNotFound:
      return "NOT_FOUND";
    case absl::StatusCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case absl::StatusCode::kUnauthenticated:
      return "UNAUTHENTICATED";
    case absl::StatusCode::kResourceExhausted:
      return "TOO_LARGE";
    case absl::StatusCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case absl::StatusCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case absl::StatusCode::kUnavailable:
      return "UNAVAILABLE";
    default:
      return "INTERNAL";
  }
}

// Reasons that pass by themselves, and how long a client should wait if the error does not say.
// Everything else is not worth a retry unless the error itself says when (a deadline that the
// present queue makes unmeetable, say).
struct RetryableReason {
  std::string_view reason;
  absl::Duration wait;
};
const RetryableReason kRetryable[] = {
    {kReasonQueueFull, absl::Milliseconds(100)},   {kReasonRateLimit, absl::Seconds(1)},
    {kReasonConcurrency, absl::Milliseconds(100)}, {kReasonStarting, absl::Seconds(1)},
    {kReasonDraining, absl::Milliseconds(100)},
};

std::optional<absl::Duration> RetryWait(const absl::Status& status, std::string_view reason) {
  if (const auto wait = GetRetryAfter(status)) return wait;
  const auto row = std::find_if(std::begin(kRetryable), std::end(kRetryable),
                                [&](const RetryableReason& r) { return r.reason == reason; });
  if (row == std::end(kRetryable)) return std::nullopt;
  return row->wait;
}

// Codes of absl and gRPC have the same numbers; those that must not reach a client as they are
// become INTERNAL.
grpc::StatusCode ToGrpcCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOutOfRange:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return grpc::StatusCode::INTERNAL;
    default:
      return static_cast<grpc::StatusCode>(code);
  }
}

void Pack(const google::protobuf::Message& detail, google::rpc::Status& status) {
  status.add_details()->PackFrom(detail);  // type.googleapis.com/<full name>
}

google::rpc::RetryInfo MakeRetryInfo(absl::Duration wait) {
  google::rpc::RetryInfo info;
  absl::Duration rest;
  info.mutable_retry_delay()->set_seconds(absl::IDivDuration(wait, absl::Seconds(1), &rest));
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return info;
}

google::rpc::Status MakeProto(const absl::Status& status, const std::string& reason,
                              const std::optional<absl::Duration>& wait) {
  google::rpc::Status proto;
  proto.set_code(ToGrpcCode(status.code()));
  proto.set_message(PrintableText(
      std::string_view(status.message().data(), status.message().size()), kMaxMessageBytes));
  google::rpc::ErrorInfo info;
  info.set_domain(kErrorDomain);
  info.set_reason(reason);
  Pack(info, proto);
  if (wait.has_value()) Pack(MakeRetryInfo(*wait), proto);
  return proto;
}

std::string ReasonOf(const absl::Status& status) {
  return GetReason(status).value_or(DefaultReason(status.code()));
}

}  // namespace

RpcError ToRpcError(const absl::Status& status) {
  RpcError error;
  error.reason = ReasonOf(status);
  const std::optional<absl::Duration> wait = RetryWait(status, error.reason);
  error.retry_after = wait;
  const google::rpc::Status proto = MakeProto(status, error.reason, wait);
  error.status = grpc::Status(static_cast<grpc::StatusCode>(proto.code()), proto.message(),
                              proto.SerializeAsString());
  error.pushback_ms = "-1";
  if (wait.has_value()) {
    const int64_t ms = absl::ToInt64Milliseconds(absl::Ceil(*wait, absl::Milliseconds(1)));
    error.pushback_ms =
        absl::StrCat(std::clamp<int64_t>(ms, 0, std::numeric_limits<int32_t>::max()));
  }
  return error;
}

google::rpc::Status ToItemError(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return MakeProto(status, reason, RetryWait(status, reason));
}

}  // namespace snapvit
