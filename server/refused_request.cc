#include "server/refused_request.h"

#include <optional>

#include "absl/time/time.h"
#include "server/rpc_code.h"
#include "server/rpc_status.h"

namespace snapvit {

void CountRefused(const InferenceContext& context, RpcMethod method, std::string_view tenant,
                  const absl::Status& status) {
  const grpc::StatusCode code = ToRpcError(status).status.error_code();
  context.metrics->RecordRequest(
      {method, tenant, RpcCodeName(code), absl::ZeroDuration(), std::nullopt});
}

}  // namespace snapvit
