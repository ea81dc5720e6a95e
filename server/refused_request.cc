#include "server/refused_request.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/error_reason.h"
#include "server/http_request.h"
#include "server/rpc_code.h"
#include "server/rpc_status.h"

namespace snapvit {

absl::Status CheckRoomForCall(const InferenceContext& context, ActiveCalls::Room room) {
  const auto full = [&context](Refusal refusal, const std::string& message) {
    context.metrics->RecordRefusal(refusal);
    return WithReason(absl::ResourceExhaustedError(message), kReasonQueueFull);
  };
  if (room == ActiveCalls::Room::kNone) {
    return full(Refusal::kCalls,
                absl::StrCat(context.call_limits.calls,
                             " calls are open, the most at the same time (--max-calls)"));
  }
  if (room == ActiveCalls::Room::kNoneOnConnection) {
    return full(Refusal::kConnectionCalls,
                absl::StrCat(context.call_limits.connection_calls,
                             " calls of this connection are open, cancelled ones that have not "
                             "ended yet among them, twice as many as it may have streams "
                             "(--max-connection-calls)"));
  }
  return absl::OkStatus();
}

absl::Status NoRoomForStream(const InferenceContext& context) {
  context.metrics->RecordRefusal(Refusal::kStreams);
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(context.call_set->max_streams(),
                                                " streams are open, the most at the same time "
                                                "(--max-streams)")),
      kReasonQueueFull);
}

void RecordRefused(const InferenceContext& context, const RefusedRequest& request,
                   const absl::Status& status) {
  const RpcError error = ToRpcError(status);
  const grpc::StatusCode code = error.status.error_code();
  if (error.reason == kReasonTooLarge) context.metrics->RecordRefusal(Refusal::kTooLarge);
  if (error.reason == kReasonSlowBody) context.metrics->RecordRefusal(Refusal::kSlowBody);
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
