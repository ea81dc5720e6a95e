// A request as it comes over gRPC: whose it is, and then what it says.
#ifndef SNAPVIT_SERVER_RECEIVED_REQUEST_H_
#define SNAPVIT_SERVER_RECEIVED_REQUEST_H_

#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "server/caller.h"
#include "server/inference_context.h"
#include "server/refused_request.h"
#include "server/wire_message.h"

namespace snapvit {

// The tenant that asks, and its request from `bytes`. Nothing of a stranger's is parsed. An error
// has been counted and logged.
template <typename Method>
absl::StatusOr<TenantPtr> ReceiveRequest(const InferenceContext& context, const Caller& caller,
                                         const grpc::ByteBuffer& bytes,
                                         typename Method::Request* request) {
  std::string name = kOtherTenant;
  const auto receive = [&]() -> absl::StatusOr<TenantPtr> {
    ASSIGN_OR_RETURN(const TenantPtr tenant, context.authenticator->Authenticate(caller));
    name = tenant->policy.name;
    RETURN_IF_ERROR(ReadWireMessage(bytes, context.max_message_bytes, request));
    return tenant;
  };
  absl::StatusOr<TenantPtr> tenant = receive();
  if (!tenant.ok()) {
    RecordRefused(context, {Method::kRpc, Method::kName, name, caller.trace}, tenant.status());
  }
  return tenant;
}

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_RECEIVED_REQUEST_H_
