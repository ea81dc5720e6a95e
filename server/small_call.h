// Unary calls that are answered at once, of requests that hold no more than names.
#ifndef SNAPVIT_SERVER_SMALL_CALL_H_
#define SNAPVIT_SERVER_SMALL_CALL_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "server/unary_reply.h"
#include "server/wire_message.h"

namespace snapvit {

// `answer(request, &response)` says how the call ends, and fills the response if that is OK.
template <typename Request, typename Response, typename Answer>
grpc::ServerUnaryReactor* AnswerSmallCall(grpc::CallbackServerContext* rpc,
                                          const grpc::ByteBuffer& request_bytes,
                                          grpc::ByteBuffer* response_bytes, const Answer& answer) {
  Request request;
  Response response;
  absl::Status status = ReadWireMessage(request_bytes, kMostSmallBytes, &request);
  if (status.ok()) status = answer(request, &response);
  if (status.ok()) *response_bytes = ToWire(response);
  grpc::ServerUnaryReactor* const reactor = rpc->DefaultReactor();
  FinishUnary(rpc, reactor, status);
  return reactor;
}

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SMALL_CALL_H_
