// The trace context of a gRPC call: from its metadata, into its trailers.
#ifndef SNAPVIT_SERVER_RPC_TRACE_H_
#define SNAPVIT_SERVER_RPC_TRACE_H_

#include <grpcpp/server_context.h>

#include <optional>

#include "server/trace_context.h"

namespace snapvit {

std::optional<TraceContext> ReadTraceContext(const grpc::CallbackServerContext& rpc);

// Before the call is finished; nothing is added without a context. A trailer, because a call whose
// reply has begun is not retried by clients.
void AddTraceTrailer(const std::optional<TraceContext>& trace, grpc::CallbackServerContext* rpc);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_RPC_TRACE_H_
