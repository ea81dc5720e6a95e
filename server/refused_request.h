// Requests that end before there is an Exchange for them.
#ifndef SNAPVIT_SERVER_REFUSED_REQUEST_H_
#define SNAPVIT_SERVER_REFUSED_REQUEST_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "server/inference_context.h"
#include "server/metrics.h"
#include "server/trace_context.h"

namespace snapvit {

// RESOURCE_EXHAUSTED (QUEUE_FULL) if there is no room for a call.
absl::Status CheckRoomForCall(const InferenceContext& context, ActiveCalls::Room room);
// The error of a stream for which there is no room.
absl::Status NoRoomForStream(const InferenceContext& context);

struct RefusedRequest {
  RpcMethod method = RpcMethod::kEmbed;
  std::string_view name;  // of the method
  std::string_view tenant;
  std::optional<TraceContext> trace;
};

// Counts and logs a request that ended with `status` at its arrival.
void RecordRefused(const InferenceContext& context, const RefusedRequest& request,
                   const absl::Status& status);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_REFUSED_REQUEST_H_
