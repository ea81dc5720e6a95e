// Exchange: one inference request and its reply, whatever carries them: a unary call, a message of
// a stream, HTTP. It checks the request, resolves its budget, has the images computed, and fills
// the reply.
#ifndef SNAPVIT_SERVER_EXCHANGE_H_
#define SNAPVIT_SERVER_EXCHANGE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/caller.h"
#include "server/infer_method.h"
#include "server/inference_context.h"
#include "server/inference_job.h"
#include "server/inference_methods.h"
#include "server/request_log.h"
#include "server/tenant_meter.h"
#include "server/tenant_table.h"

namespace snapvit {

// Start() is called once; Cancel() after Start() has returned, as often as you like. Neither blocks
// on work.
template <typename Method>
class Exchange {
 public:
  // Pointers are borrowed and outlive the exchange. The images' bytes are taken out of `request`.
  Exchange(const InferenceContext* context, const Caller* caller, typename Method::Request* request,
           typename Method::Response* response,
           InferenceJob::ImageFaults image_faults = Method::kImageFaults)
      : context_(*context),
        caller_(*caller),
        request_(*request),
        response_(response),
        image_faults_(image_faults) {}

  // `tenant`: who asks, not null. `deadline`: until when the transport waits, on the context's
  // clock. `on_done` is called once, on any thread, possibly before this returns, with the fault of
  // the request or OK and the reply filled; it may destroy the exchange. The event has been counted
  // by then.
  void Start(TenantPtr tenant, absl::Time deadline,
             std::function<void(const absl::Status&)> on_done);

  // Gives up what is not computed yet: nobody waits for the reply.
  void Cancel();

 private:
  absl::Status Submit(absl::Time deadline);
  // RESOURCE_EXHAUSTED (TOO_LARGE) if the reply could not be sent.
  absl::Status CheckReplySize() const;
  absl::StatusOr<RungInterval> Resolve() const;
  // Charges the tenant, which may lower the rungs, and counts what it asks for.
  absl::Status Admit(RungInterval& rungs);
  void SetDeadlines(absl::Time deadline, InferenceJob::Options& options) const;
  void CountDemand(const RungInterval& rungs) const;

  // All images have ended.
  void Finish();
  void End(const absl::Status& status);
  void CountItems(const absl::Status& status) const;
  void CountServedItem(const Execution& execution) const;
  double ComputedGflop() const;
  std::string_view TenantName() const { return tenant_->policy.name; }
  void Log(const absl::Status& status, absl::Duration duration) const;
  std::optional<RequestRecord::Image> SlowestImage() const;
  std::optional<double> LowestServedCompute() const;

  const InferenceContext& context_;
  const Caller& caller_;
  typename Method::Request& request_;
  typename Method::Response* const response_;
  const InferenceJob::ImageFaults image_faults_;

  absl::Time arrival_;
  std::function<void(const absl::Status&)> on_done_;
  TenantPtr tenant_;
  std::shared_ptr<const ServedModel> model_;
  int images_ = 0;  // once their number was found to be allowed
  typename Method::Options options_;
  std::optional<double> requested_compute_;  // once the budget was understood
  UsageGrant grant_;                         // from admission to the end
  std::optional<InferenceJob> job_;          // once the request was admitted
};

extern template class Exchange<EmbedMethod>;
extern template class Exchange<ClassifyMethod>;
extern template class Exchange<InferMethod>;

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_EXCHANGE_H_
