// UnaryCall: one Embed, Classify or ModelInfer call, as a reactor of gRPC's callback API.
#ifndef SNAPVIT_SERVER_UNARY_CALL_H_
#define SNAPVIT_SERVER_UNARY_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/statusor.h"
#include "server/call_set.h"
#include "server/caller.h"
#include "server/exchange.h"
#include "server/received_request.h"
#include "server/refused_request.h"
#include "server/rpc_deadline.h"
#include "server/unary_reply.h"
#include "server/wire_message.h"

namespace snapvit {

// Deletes itself when gRPC has done with it.
template <typename Method>
class UnaryCall final : public grpc::ServerUnaryReactor, public CallSet::Call {
 public:
  // All are borrowed and outlive the call.
  UnaryCall(const InferenceContext* context, grpc::CallbackServerContext* rpc,
            const grpc::ByteBuffer* request, grpc::ByteBuffer* response)
      : context_(*context),
        rpc_(rpc),
        response_bytes_(response),
        caller_(*rpc),
        open_(context->calls, context->call_limits, caller_.peer),
        exchange_(context, &caller_, &request_, &response_) {
    const absl::Status admitted = CheckRoomForCall(*context, open_.room());
    if (!admitted.ok()) {
      RecordRefused(*context, {Method::kRpc, Method::kName, kOtherTenant, caller_.trace}, admitted);
      Finish(admitted);
      return;
    }
    absl::StatusOr<TenantPtr> tenant =
        ReceiveRequest<Method>(*context, caller_, *request, &request_);
    if (!tenant.ok()) {
      Finish(tenant.status());
      return;
    }
    // Not needed any more, and gRPC would keep them until the call ends. They are its own, and not
    // constant.
    const_cast<grpc::ByteBuffer*>(request)->Clear();
    exchange_.Start(*std::move(tenant),
                    WorkDeadline(rpc->deadline(), context->reply_margin, *context->clock),
                    [this](const absl::Status& status) { Finish(status); });
  }

 private:
  // The client is gone, or its deadline has passed. gRPC calls this after the constructor and
  // before OnDone().
  void OnCancel() override { exchange_.Cancel(); }
  void OnDone() override {
    context_.call_set->Remove(this);
    delete this;
  }

  // There is nothing to drain: a unary call ends by itself.
  void Drain() override {}
  void EndIfStill(const CallSet::StillSince& since) override {
    if (replied_ > since.replies) return;
    replied_ = absl::InfiniteFuture();
    context_.metrics->RecordRefusal(Refusal::kStalled);
    rpc_->TryCancel();
  }

  void Finish(const absl::Status& status) {
    if (status.ok()) *response_bytes_ = ToWire(response_);
    // The client may take its time for the reply, whose bytes are all that is needed for it.
    typename Method::Request().Swap(&request_);
    typename Method::Response().Swap(&response_);
    replied_ = context_.clock->Now();
    context_.call_set->AddReply(this);
    FinishUnary(rpc_, this, status, caller_.trace);
  }

  const InferenceContext& context_;
  grpc::CallbackServerContext* const rpc_;
  grpc::ByteBuffer* const response_bytes_;
  const Caller caller_;
  const ActiveCalls::Call open_;
  typename Method::Request request_;
  typename Method::Response response_;
  Exchange<Method> exchange_;
  absl::Time replied_;  // once there is a reply; then guarded by the CallSet
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_UNARY_CALL_H_
