// The end of a unary call that needs no reactor of its own.
#ifndef SNAPVIT_SERVER_UNARY_REPLY_H_
#define SNAPVIT_SERVER_UNARY_REPLY_H_

#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "server/rpc_status.h"

namespace snapvit {

// Ends the call with `status`: with the response as it was filled, or with the error's details.
inline void FinishUnary(grpc::CallbackServerContext* rpc, grpc::ServerUnaryReactor* reactor,
                        const absl::Status& status) {
  if (status.ok()) return reactor->Finish(grpc::Status::OK);
  const RpcError error = ToRpcError(status);
  rpc->AddTrailingMetadata(kPushbackTrailer, error.pushback_ms);
  reactor->Finish(error.status);
}

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_UNARY_REPLY_H_
