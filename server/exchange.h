// Exchange: one inference request and its reply, whatever carries them: a unary call or a message
// of a stream. It finds the tenant, checks the request, resolves its budget, has the images
// computed, and fills the reply.
#ifndef SNAPVIT_SERVER_EXCHANGE_H_
#define SNAPVIT_SERVER_EXCHANGE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/caller.h"
#include "server/inference_context.h"
#include "server/inference_job.h"
#include "server/inference_methods.h"
#include "server/tenant_meter.h"
#include "server/tenant_table.h"

namespace snapvit {

// Start() is called once; Cancel() after Start() has returned, as often as you like. Neither blocks
// on work.
template <typename Method>
class Exchange {
 public:
  // All are borrowed and outlive the exchange.
  Exchange(const InferenceContext* context, const Caller* caller,
           const typename Method::Request* request, typename Method::Response* response)
      : context_(*context), caller_(*caller), request_(*request), response_(response) {}

  // `deadline`: until when the transport waits, on the context's clock. `on_done` is called once,
  // on any thread, possibly before this returns, with the fault of the request or OK and the reply
  // filled; it may destroy the exchange. The event has been counted by then.
  void Start(absl::Time deadline, std::function<void(const absl::Status&)> on_done);

  // Gives up what is not computed yet: nobody waits for the reply.
  void Cancel();

  // Fills the reply with `fault` as the error of every image (of one, if the request has none), for
  // streams, where the fault of a message must not end the call. REQUIRES: on_done was called with
  // this fault.
  void FillFault(const absl::Status& fault);

 private:
  absl::Status Submit(absl::Time deadline);
  absl::StatusOr<RungInterval> Resolve() const;
  // Charges the tenant, which may lower the rungs, and counts what it asks for.
  absl::Status Admit(RungInterval& rungs);
  absl::Status SetDeadlines(absl::Time deadline, InferenceJob::Options& options) const;
  void CountDemand(const RungInterval& rungs) const;

  // All images have ended.
  void Finish();
  // The reason to fail the whole request: nothing was served, and not for the images' own faults.
  absl::Status RequestFault() const;
  void FillReply();
  void End(const absl::Status& status);
  void CountItems(const absl::Status& status) const;
  void CountServedItem(const Execution& execution) const;
  double ComputedGflop() const;
  std::string_view TenantName() const;
  void Log(const absl::Status& status, absl::Duration duration) const;
  std::optional<double> LowestServedCompute() const;

  const InferenceContext& context_;
  const Caller& caller_;
  const typename Method::Request& request_;
  typename Method::Response* const response_;

  absl::Time arrival_;
  std::function<void(const absl::Status&)> on_done_;
  TenantPtr tenant_;  // null: not known (yet)
  std::shared_ptr<const ServedModel> model_;
  typename Method::Options options_;
  std::optional<double> requested_compute_;  // once the budget was understood
  UsageGrant grant_;                         // from admission to the end
  std::optional<InferenceJob> job_;          // once the request was admitted
};

extern template class Exchange<EmbedMethod>;
extern template class Exchange<ClassifyMethod>;

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_EXCHANGE_H_
