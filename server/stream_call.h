// StreamCall: one EmbedStream, ClassifyStream or ModelStreamInfer call, as a reactor of gRPC's
// callback API.
#ifndef SNAPVIT_SERVER_STREAM_CALL_H_
#define SNAPVIT_SERVER_STREAM_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/call_set.h"
#include "server/caller.h"
#include "server/exchange.h"
#include "server/wire_message.h"

namespace snapvit {

// Images of a stream that may be under way: read, and their reply not yet sent. A message that does
// not fit waits, and nothing more is read, so that HTTP/2 flow control slows the client down.
inline constexpr size_t kMaxStreamImages = 64;

// Reads messages while there is room, has several computed at the same time, and writes the replies
// in the order in which they become ready. A message's fault is reported in its reply. The call
// ends when the client has closed its side (OK) or the server drains (UNAVAILABLE, DRAINING), after
// the last reply; a client that sends nothing for too long gets DEADLINE_EXCEEDED (STREAM_IDLE),
// and one that does not take its replies is cut off. A caller that is no tenant is refused before
// anything is read; the tenant is looked up again for every message, so that a tenants file that
// changes holds for what comes later.
//
// Deletes itself when gRPC has done with it. The state is guarded by mu_; gRPC operations and
// exchanges are started without it.
template <typename Method>
class StreamCall final : public ByteStream, public CallSet::Call {
 public:
  // All are borrowed and outlive the call.
  StreamCall(const InferenceContext* context, grpc::CallbackServerContext* rpc);

  void Drain() override ABSL_LOCKS_EXCLUDED(mu_);
  void EndIfStill(const CallSet::StillSince& since) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Message {
    Message(const InferenceContext* context, const Caller* caller)
        : exchange(context, caller, &request, Method::ResponseOf(&reply)) {}
    grpc::ByteBuffer request_bytes;
    grpc::ByteBuffer reply_bytes;
    typename Method::Request request;
    typename Method::StreamReply reply;
    absl::StatusOr<TenantPtr> tenant;  // an error: the request could not be received
    Exchange<Method> exchange;
    size_t images = 0;     // that count against kMaxStreamImages, at least 1
    bool started = false;  // exchange.Start() has returned: it may be cancelled
  };
  using MessagePtr = std::shared_ptr<Message>;

  // What to do after mu_ is released. At most one read and one write are ever under way.
  struct Actions {
    Message* read = nullptr;
    Message* write = nullptr;
    MessagePtr start;
  };

  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone() override;

  void OnMessageDone(const MessagePtr& message, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Called after every event, which has counted itself in advancing_ under the same lock as its
  // change of the state: does what can be done now, and ends the call when there is nothing left.
  // The call may be gone afterwards.
  void Advance() ABSL_LOCKS_EXCLUDED(mu_);
  Actions NextActionsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropUnwantedLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool ClosingLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return no_more_reads_ || draining_ || idle_ || cancelled_;
  }
  void StartMessage(const MessagePtr& message) ABSL_LOCKS_EXCLUDED(mu_);
  void FinishCall(const absl::Status& status);
  // Ends the call before it begins.
  void Refuse(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void FinishWith(const absl::Status& status);

  const InferenceContext* const context_;
  grpc::CallbackServerContext* const rpc_;
  const Caller caller_;
  const ActiveCalls::Call open_;

  absl::Mutex mu_;
  MessagePtr reading_ ABSL_GUARDED_BY(mu_);            // a read into it is under way
  MessagePtr waiting_ ABSL_GUARDED_BY(mu_);            // read, but there is no room for it yet
  std::set<MessagePtr> running_ ABSL_GUARDED_BY(mu_);  // being computed
  std::deque<MessagePtr> replies_
      ABSL_GUARDED_BY(mu_);  // to be written; the first one may be under way
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  size_t images_ ABSL_GUARDED_BY(mu_) = 0;           // of running_ and replies_
  bool no_more_reads_ ABSL_GUARDED_BY(mu_) = false;  // the client has closed its side, or is gone
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool idle_ ABSL_GUARDED_BY(mu_) = false;  // for too long
  absl::Time moved_ ABSL_GUARDED_BY(mu_);   // when a message came, was done, or was taken
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  int advancing_ ABSL_GUARDED_BY(mu_) = 0;  // threads between an event and the end of its Advance()
};

extern template class StreamCall<EmbedMethod>;
extern template class StreamCall<ClassifyMethod>;
extern template class StreamCall<InferMethod>;

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_STREAM_CALL_H_
