#include "server/rpc_code.h"

#include "absl/status/status.h"

namespace snapvit {

std::string RpcCodeName(grpc::StatusCode code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

const std::vector<grpc::StatusCode>& RpcCodes() {
  static const auto* const codes = new std::vector<grpc::StatusCode>{
      grpc::StatusCode::OK,
      grpc::StatusCode::CANCELLED,
      grpc::StatusCode::INVALID_ARGUMENT,
      grpc::StatusCode::DEADLINE_EXCEEDED,
      grpc::StatusCode::NOT_FOUND,
      grpc::StatusCode::PERMISSION_DENIED,
      grpc::StatusCode::RESOURCE_EXHAUSTED,
      grpc::StatusCode::FAILED_PRECONDITION,
      grpc::StatusCode::UNIMPLEMENTED,
      grpc::StatusCode::INTERNAL,
      grpc::StatusCode::UNAVAILABLE,
      grpc::StatusCode::UNAUTHENTICATED,
  };
  return *codes;
}

}  // namespace snapvit
