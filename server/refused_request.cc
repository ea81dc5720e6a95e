#include "server/refused_request.h"

#include "absl/time/time.h"
#include "server/rpc_code.h"
#include "server/rpc_status.h"

namespace snapvit {

void RecordRefused(const InferenceContext& context, const RefusedRequest& request,
                   const absl::Status& status) {
  const grpc::StatusCode code = ToRpcError(status).status.error_code();
  context.metrics->RecordRequest(
      {request.method, request.tenant, RpcCodeName(code), absl::ZeroDuration(), std::nullopt});
  RequestRecord record;
  record.method = request.name;
  record.tenant = request.tenant;
  record.status = status;
  record.trace = request.trace;
  context.request_log->Record(record);
}

}  // namespace snapvit
