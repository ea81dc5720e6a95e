#include "client/rpc_error.h"

#include <string_view>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "client/result_from_proto.h"
#include "google/rpc/error_details.pb.h"

namespace snapvit::client {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr int kLastCode = 16;  // UNAUTHENTICATED

// Codes of absl, gRPC and google.rpc have the same numbers.
absl::Status MakeStatus(int code, const std::string& message) {
  if (code < 1 || code > kLastCode) {
    return absl::UnknownError(absl::StrCat("error without a valid code (", code, "): ", message));
  }
  return absl::Status(static_cast<absl::StatusCode>(code), message);
}

void AttachDetails(const google::rpc::Status& source, absl::Status& status) {
  for (const google::protobuf::Any& detail : source.details()) {
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
}

// The detail of type T; nothing if it is absent or cannot be read.
template <typename T>
std::optional<T> GetDetail(const absl::Status& status, const char* url) {
  const auto payload = status.GetPayload(url);
  T detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

}  // namespace

absl::Status FromRpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result = MakeStatus(status.error_code(), status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) AttachDetails(details, result);
  return result;
}

absl::Status FromRpcStatus(const google::rpc::Status& error) {
  absl::Status result = MakeStatus(error.code(), error.message());
  AttachDetails(error, result);
  return result;
}

std::optional<std::string> ErrorReason(const absl::Status& status) {
  const auto info = GetDetail<google::rpc::ErrorInfo>(status, kErrorInfoUrl);
  if (!info.has_value()) return std::nullopt;
  return info->reason();
}

std::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  const auto info = GetDetail<google::rpc::RetryInfo>(status, kRetryInfoUrl);
  if (!info.has_value()) return std::nullopt;
  return FromProto(info->retry_delay());
}

}  // namespace snapvit::client
