// The end of a unary call that needs no reactor of its own.
#ifndef SNAPVIT_SERVER_UNARY_REPLY_H_
#define SNAPVIT_SERVER_UNARY_REPLY_H_

#include <grpcpp/support/server_callback.h>

#include <optional>

#include "absl/status/status.h"
#include "server/rpc_status.h"
#include "server/rpc_trace.h"

namespace snapvit {

// Ends the call with `status`: with the response as it was filled, or with the error's details.
// `trace`: of the call.
inline void FinishUnary(grpc::CallbackServerContext* rpc, grpc::ServerUnaryReactor* reactor,
                        const absl::Status& status, const std::optional<TraceContext>& trace) {
  AddTraceTrailer(trace, rpc);
  if (status.ok()) return reactor->Finish(grpc::Status::OK);
  const RpcError error = ToRpcError(status);
  rpc->AddTrailingMetadata(kPushbackTrailer, error.pushback_ms);
  reactor->Finish(error.status);
}

// The same for a call whose trace nothing else has read.
inline void FinishUnary(grpc::CallbackServerContext* rpc, grpc::ServerUnaryReactor* reactor,
                        const absl::Status& status) {
  FinishUnary(rpc, reactor, status, ReadTraceContext(*rpc));
}

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_UNARY_REPLY_H_
