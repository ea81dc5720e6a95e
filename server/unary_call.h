// UnaryCall: one Embed, Classify or ModelInfer call, as a reactor of gRPC's callback API.
#ifndef SNAPVIT_SERVER_UNARY_CALL_H_
#define SNAPVIT_SERVER_UNARY_CALL_H_

#include <grpcpp/support/server_callback.h>

#include "server/caller.h"
#include "server/exchange.h"
#include "server/rpc_deadline.h"
#include "server/unary_reply.h"

namespace snapvit {

// Deletes itself when gRPC has done with it.
template <typename Method>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // All are borrowed and outlive the call.
  UnaryCall(const InferenceContext* context, grpc::CallbackServerContext* rpc,
            const typename Method::Request* request, typename Method::Response* response)
      : calls_(context->calls),
        rpc_(rpc),
        caller_(*rpc),
        exchange_(context, &caller_, request, response) {
    calls_->Started();
    exchange_.Start(
        WorkDeadline(rpc->deadline(), context->reply_margin, *context->clock),
        [this](const absl::Status& status) { FinishUnary(rpc_, this, status, caller_.trace); });
  }

 private:
  // The client is gone, or its deadline has passed. gRPC calls this after the constructor and
  // before OnDone().
  void OnCancel() override { exchange_.Cancel(); }
  void OnDone() override {
    calls_->Ended();
    delete this;
  }

  ActiveCalls* const calls_;
  grpc::CallbackServerContext* const rpc_;
  const Caller caller_;
  Exchange<Method> exchange_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_UNARY_CALL_H_
