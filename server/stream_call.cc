#include "server/stream_call.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/error_reason.h"
#include "server/received_request.h"
#include "server/refused_request.h"
#include "server/rpc_status.h"
#include "server/rpc_trace.h"

namespace snapvit {
namespace {

absl::Status Draining() {
  return WithReason(absl::UnavailableError("the server is shutting down: the stream was "
                                           "answered so far, open it again elsewhere"),
                    kReasonDraining);
}

absl::Status Idle() {
  return WithReason(
      absl::DeadlineExceededError("no message has come on the stream for too long (--stream-idle): "
                                  "it was answered so far, open it again when there are more"),
      kReasonStreamIdle);
}

}  // namespace

template <typename Method>
StreamCall<Method>::StreamCall(const InferenceContext* context, grpc::CallbackServerContext* rpc)
    : context_(context),
      rpc_(rpc),
      caller_(*rpc),
      open_(context->calls, context->call_limits, caller_.peer) {
  absl::Status admitted = CheckRoomForCall(*context_, open_.room());
  if (admitted.ok()) admitted = context_->authenticator->Authenticate(caller_).status();
  {
    absl::MutexLock lock(&mu_);
    moved_ = context_->clock->Now();
    ++advancing_;
  }
  if (admitted.ok() && !context_->call_set->AddStream(this)) admitted = NoRoomForStream(*context_);
  if (!admitted.ok()) {
    Refuse(admitted);
    return;
  }
  Advance();
}

// --- Events ---

template <typename Method>
void StreamCall<Method>::OnReadDone(bool ok) {
  if (ok) {
    MessagePtr message;  // nothing else is read before it is taken below
    {
      absl::MutexLock lock(&mu_);
      message = reading_;
    }
    message->tenant =
        ReceiveRequest<Method>(*context_, caller_, message->request_bytes, &message->request);
    message->request_bytes.Clear();
  }
  {
    absl::MutexLock lock(&mu_);
    ++advancing_;
    moved_ = context_->clock->Now();
    MessagePtr message = std::move(reading_);
    reading_ = nullptr;
    if (ok) {
      message->images = std::max<int64_t>(1, Method::ImageCount(message->request).value_or(0));
      waiting_ = std::move(message);
    } else {
      no_more_reads_ = true;
    }
  }
  Advance();
}

template <typename Method>
void StreamCall<Method>::OnMessageDone(const MessagePtr& message, const absl::Status& status) {
  if (!status.ok()) {
    Method::FillFault(message->request, status, context_->max_images, &message->reply);
  }
  message->reply_bytes = ToWire(message->reply);
  // These are not needed any more, and the client may take its time for the reply.
  typename Method::Request().Swap(&message->request);
  typename Method::StreamReply().Swap(&message->reply);
  {
    absl::MutexLock lock(&mu_);
    ++advancing_;
    moved_ = context_->clock->Now();
    running_.erase(message);
    replies_.push_back(message);
  }
  Advance();
}

template <typename Method>
void StreamCall<Method>::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    ++advancing_;
    moved_ = context_->clock->Now();
    writing_ = false;
    images_ -= replies_.front()->images;
    replies_.pop_front();
    // Nobody takes replies any more; OnCancel() comes too, but maybe later.
    if (!ok) cancelled_ = true;
  }
  Advance();
}

template <typename Method>
void StreamCall<Method>::OnCancel() {
  std::vector<MessagePtr> running;
  {
    absl::MutexLock lock(&mu_);
    ++advancing_;
    cancelled_ = true;
    for (const MessagePtr& message : running_) {
      if (message->started) running.push_back(message);
    }
  }
  for (const MessagePtr& message : running) message->exchange.Cancel();
  Advance();
}

template <typename Method>
void StreamCall<Method>::Drain() {
  {
    absl::MutexLock lock(&mu_);
    ++advancing_;
    draining_ = true;
  }
  Advance();
}

template <typename Method>
void StreamCall<Method>::EndIfStill(const CallSet::StillSince& since) {
  bool cut_off = false;
  {
    absl::MutexLock lock(&mu_);
    if (ClosingLocked() && !writing_) return;
    cut_off = writing_ && !cancelled_ && moved_ <= since.replies;
    idle_ = replies_.empty() && running_.empty() && moved_ <= since.idle;
    if (!cut_off && !idle_) return;
    // OnCancel() will follow; until then nothing that moves may have it cut off again.
    if (cut_off) cancelled_ = true;
    ++advancing_;
  }
  context_->metrics->RecordRefusal(cut_off ? Refusal::kStalled : Refusal::kStreamIdle);
  // What is on its way would keep a status waiting behind it.
  if (cut_off) rpc_->TryCancel();
  Advance();
}

template <typename Method>
void StreamCall<Method>::OnDone() {
  context_->call_set->Remove(this);
  delete this;
}

// --- Decisions ---

template <typename Method>
void StreamCall<Method>::Advance() {
  Actions actions;
  {
    absl::MutexLock lock(&mu_);
    actions = NextActionsLocked();
  }
  if (actions.write != nullptr) StartWrite(&actions.write->reply_bytes);
  if (actions.read != nullptr) StartRead(&actions.read->request_bytes);
  if (actions.start != nullptr) StartMessage(actions.start);
  absl::Status status;
  {
    absl::MutexLock lock(&mu_);
    --advancing_;
    const bool idle =
        advancing_ == 0 && waiting_ == nullptr && running_.empty() && replies_.empty();
    if (finished_ || !idle || !ClosingLocked()) return;
    finished_ = true;
    if (!no_more_reads_ && draining_) status = Draining();
    if (!no_more_reads_ && idle_) status = Idle();
  }
  // A read that is under way ends with the call.
  FinishCall(status);
}

template <typename Method>
typename StreamCall<Method>::Actions StreamCall<Method>::NextActionsLocked() {
  Actions actions;
  if (finished_) return actions;
  if (cancelled_) DropUnwantedLocked();
  // A message larger than the limit runs alone.
  if (waiting_ != nullptr && (images_ == 0 || images_ + waiting_->images <= kMaxStreamImages)) {
    images_ += waiting_->images;
    running_.insert(waiting_);
    actions.start = std::move(waiting_);
    waiting_ = nullptr;
  }
  if (!ClosingLocked() && reading_ == nullptr && waiting_ == nullptr &&
      images_ < kMaxStreamImages) {
    reading_ = std::make_shared<Message>(context_, &caller_);
    actions.read = reading_.get();
  }
  if (!writing_ && !replies_.empty()) {
    writing_ = true;
    actions.write = replies_.front().get();
  }
  return actions;
}

template <typename Method>
void StreamCall<Method>::DropUnwantedLocked() {
  waiting_ = nullptr;
  while (replies_.size() > (writing_ ? 1u : 0u)) {
    images_ -= replies_.back()->images;
    replies_.pop_back();
  }
}

template <typename Method>
void StreamCall<Method>::StartMessage(const MessagePtr& message) {
  if (!message->tenant.ok()) return OnMessageDone(message, message->tenant.status());
  // Deadlines of a stream are per message: the call's own does not count.
  message->exchange.Start(
      *message->tenant, absl::InfiniteFuture(),
      [this, message](const absl::Status& status) { OnMessageDone(message, status); });
  bool cancelled = false;
  {
    absl::MutexLock lock(&mu_);
    message->started = true;
    cancelled = cancelled_;
  }
  if (cancelled) message->exchange.Cancel();
}

template <typename Method>
void StreamCall<Method>::FinishCall(const absl::Status& status) {
  if (status.ok()) {
    AddTraceTrailer(caller_.trace, rpc_);
    return Finish(grpc::Status::OK);
  }
  FinishWith(status);
}

template <typename Method>
void StreamCall<Method>::Refuse(const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    no_more_reads_ = true;
    finished_ = true;
  }
  RecordRefused(*context_, {Method::kRpc, Method::kName, kOtherTenant, caller_.trace}, status);
  FinishWith(status);
}

template <typename Method>
void StreamCall<Method>::FinishWith(const absl::Status& status) {
  const RpcError error = ToRpcError(status);
  AddTraceTrailer(caller_.trace, rpc_);
  rpc_->AddTrailingMetadata(kPushbackTrailer, error.pushback_ms);
  Finish(error.status);
}

template class StreamCall<EmbedMethod>;
template class StreamCall<ClassifyMethod>;
template class StreamCall<InferMethod>;

}  // namespace snapvit
