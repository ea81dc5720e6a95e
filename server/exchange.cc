#include "server/exchange.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"
#include "server/admission.h"
#include "server/receipt.h"
#include "server/reply_size.h"
#include "server/rpc_code.h"
#include "server/rpc_status.h"

namespace snapvit {
namespace {

// Metrics count items below what they asked for, not those that the model's floor has raised.
const char* DegradedReason(v1::Reason reason) {
  switch (reason) {
    case v1::REASON_LOAD:
      return "LOAD";
    case v1::REASON_DEADLINE:
      return "DEADLINE";
    case v1::REASON_TENANT_LIMIT:
      return "TENANT_LIMIT";
    case v1::REASON_ADMIN_LIMIT:
      return "ADMIN_LIMIT";
    default:
      return "";
  }
}

}  // namespace

// --- Arrival ---

template <typename Method>
void Exchange<Method>::Start(TenantPtr tenant, absl::Time deadline,
                             std::function<void(const absl::Status&)> on_done) {
  arrival_ = context_.clock->Now();
  tenant_ = std::move(tenant);
  on_done_ = std::move(on_done);
  response_->set_id(request_.id());
  const absl::Status status = Submit(deadline);
  // After a success the exchange may be gone already.
  if (!status.ok()) End(status);
}

template <typename Method>
absl::Status Exchange<Method>::Submit(absl::Time deadline) {
  ASSIGN_OR_RETURN(model_, context_.state->ModelFor(Method::ModelName(request_)));
  ASSIGN_OR_RETURN(const int64_t images, Method::ImageCount(request_));
  if (images > context_.max_images) context_.metrics->RecordRefusal(Refusal::kTooManyImages);
  if (images < 1 || images > context_.max_images) {
    return absl::InvalidArgumentError(absl::StrCat(
        "request has ", images, " images, expected 1 to ", context_.max_images, " (--max-images)"));
  }
  images_ = static_cast<int>(images);
  ASSIGN_OR_RETURN(options_, Method::ReadOptions(request_, *model_));
  RETURN_IF_ERROR(CheckReplySize());
  InferenceJob::Options options;
  options.model = model_;
  options.tenant = tenant_->index;
  ASSIGN_OR_RETURN(options.rungs, Resolve());
  SetDeadlines(deadline, options);
  requested_compute_ = options.rungs.requested_compute;
  RETURN_IF_ERROR(Admit(options.rungs));
  options.embedding = Method::Embedding(options_);
  options.logits = Method::Logits(options_);
  options.max_pixels = context_.max_pixels;
  options.image_faults = image_faults_;
  job_.emplace(std::move(options));
  return job_->Start(*options_.images, context_.executor, [this] { Finish(); });
}

// gRPC would find it only when everything is computed, and end a stream for it.
template <typename Method>
absl::Status Exchange<Method>::CheckReplySize() const {
  // It has nothing but the id yet.
  const size_t bytes = response_->ByteSizeLong() + MostReplyBytes(options_, *model_, images_);
  if (bytes <= context_.max_message_bytes) return absl::OkStatus();
  context_.metrics->RecordRefusal(Refusal::kTooLarge);
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(
          "the reply takes ", bytes, " bytes, expected at most ", context_.max_message_bytes,
          " (--max-message-bytes): ask for fewer images at once, or for less of each")),
      kReasonTooLarge);
}

template <typename Method>
absl::StatusOr<RungInterval> Exchange<Method>::Resolve() const {
  const ServedModel& model = *model_;
  const Budget& budget = options_.budget;
  const BudgetLimits limits = LimitsOf(model, tenant_->policy, context_.governor->Get());
  LatencyEstimate latency;
  const bool needs_latency =
      std::holds_alternative<LatencyTarget>(budget.target.value_or(limits.default_target));
  if (needs_latency && model.latency != nullptr) {
    const absl::Duration queue = context_.executor->Stats().queued.engine_time / context_.workers;
    latency = [&model, queue](int rung) { return queue + model.latency->BatchTime(rung, 1); };
  }
  return ResolveBudget(budget, model.ladder, model.ranking ? &*model.ranking : nullptr, model.cost,
                       limits, latency);
}

template <typename Method>
void Exchange<Method>::SetDeadlines(absl::Time deadline, InferenceJob::Options& options) const {
  const absl::Duration timeout = options_.timeout.value_or(absl::InfiniteDuration());
  options.hard_deadline = std::min(deadline, arrival_ + timeout);
  options.soft_deadline = SoftDeadline(*model_, tenant_->policy, arrival_);
}

template <typename Method>
absl::Status Exchange<Method>::Admit(RungInterval& rungs) {
  absl::StatusOr<UsageGrant> grant = ChargeTenant(*model_, *tenant_, images_, rungs);
  // What is above a rate limit is no demand: more machines would not serve it either.
  if (grant.ok() || GetReason(grant.status()) == kReasonConcurrency) CountDemand(rungs);
  if (!grant.ok()) return grant.status();
  grant_ = *std::move(grant);
  if (tenant_->policy.priority != PriorityClass::kBatch) return absl::OkStatus();
  return CheckQueueRoom(tenant_->policy, context_.executor->Stats().queued.items, images_,
                        context_.max_queue_items);
}

template <typename Method>
void Exchange<Method>::CountDemand(const RungInterval& rungs) const {
  if (model_->latency == nullptr) return;
  context_.metrics->RecordDemand(images_ * model_->latency->TaskTime(rungs.wanted));
}

template <typename Method>
void Exchange<Method>::Cancel() {
  if (job_.has_value()) job_->Cancel(context_.executor);
}

// --- End ---

template <typename Method>
void Exchange<Method>::Finish() {
  const absl::Status fault = job_->RequestFault();
  if (fault.ok()) Method::FillReply(*job_, options_, response_);
  End(fault);
}

template <typename Method>
void Exchange<Method>::End(const absl::Status& status) {
  CountItems(status);
  grant_.End(ComputedGflop());
  const absl::Duration duration = context_.clock->Now() - arrival_;
  const grpc::StatusCode code =
      status.ok() ? grpc::StatusCode::OK : ToRpcError(status).status.error_code();
  context_.metrics->RecordRequest({Method::kRpc, TenantName(), RpcCodeName(code), duration,
                                   status.ok() ? LowestServedCompute() : std::nullopt});
  Log(status, duration);
  const auto on_done = std::move(on_done_);
  on_done(status);  // the exchange may be gone afterwards
}

template <typename Method>
std::optional<double> Exchange<Method>::LowestServedCompute() const {
  std::optional<double> lowest;
  for (size_t i = 0; i < job_->size(); ++i) {
    const InferenceJob::Outcome& outcome = job_->outcome(i);
    if (!outcome.status.ok()) continue;
    const double compute = model_->ladder.rung(*outcome.task->execution().rung).compute;
    lowest = std::min(lowest.value_or(compute), compute);
  }
  return lowest;
}

template <typename Method>
void Exchange<Method>::CountItems(const absl::Status& status) const {
  if (!requested_compute_.has_value()) return;  // refused before that: no items yet
  for (int i = 0; i < images_; ++i) {
    // What Submit() refused has no outcome but the request's, except for images with a fault.
    const bool has_outcome = job_.has_value() && i < static_cast<int>(job_->size()) &&
                             (job_->outcome(i).task != nullptr || !job_->outcome(i).status.ok());
    const absl::Status& end = has_outcome ? job_->outcome(i).status : status;
    if (end.ok()) {
      CountServedItem(job_->outcome(i).task->execution());
    } else {
      context_.metrics->RecordUnservedItem(TenantName(), ToRpcError(end).reason,
                                           *requested_compute_);
    }
  }
}

template <typename Method>
void Exchange<Method>::CountServedItem(const Execution& execution) const {
  const Rung& rung = model_->ladder.rung(*execution.rung);
  ItemEvent event;
  event.tenant = TenantName();
  event.requested_compute = *requested_compute_;
  event.served_compute = rung.compute;
  // A pin may have raised it.
  if (rung.compute <= *requested_compute_) {
    event.degraded_reason = DegradedReason(ServedReason(job_->rungs(), execution));
  }
  event.flops = rung.gflops * 1e9;
  event.estimated_fidelity = rung.fidelity;
  event.queue_time = execution.queue_time;
  event.decode_time = execution.prepare_time;
  event.compute_time = execution.compute_time;
  context_.metrics->RecordItem(event);
}

// Of all images that a worker has computed, also in vain.
template <typename Method>
double Exchange<Method>::ComputedGflop() const {
  double gflop = 0;
  for (size_t i = 0; job_.has_value() && i < job_->size(); ++i) {
    const InferenceJob::Outcome& outcome = job_->outcome(i);
    if (outcome.task == nullptr || !outcome.task->execution().rung.has_value()) continue;
    gflop += model_->ladder.rung(*outcome.task->execution().rung).gflops;
  }
  return gflop;
}

template <typename Method>
void Exchange<Method>::Log(const absl::Status& status, absl::Duration duration) const {
  RequestRecord record;
  record.method = Method::kName;
  record.tenant = TenantName();
  record.id = request_.id();
  record.images = images_;
  record.requested_compute = requested_compute_;
  record.duration = duration;
  record.status = status;
  record.trace = caller_.trace;
  record.slowest = SlowestImage();
  context_.request_log->Record(record);
}

template <typename Method>
std::optional<RequestRecord::Image> Exchange<Method>::SlowestImage() const {
  const Execution* slowest = nullptr;
  const auto time = [](const Execution& e) {
    return e.queue_time + e.prepare_time + e.compute_time;
  };
  for (size_t i = 0; job_.has_value() && i < job_->size(); ++i) {
    const ImageTask* task = job_->outcome(i).task;
    if (task == nullptr) continue;
    if (slowest == nullptr || time(task->execution()) > time(*slowest))
      slowest = &task->execution();
  }
  if (slowest == nullptr) return std::nullopt;
  RequestRecord::Image image;
  image.queue_time = slowest->queue_time;
  image.decode_time = slowest->prepare_time;
  image.compute_time = slowest->compute_time;
  image.batch_size = slowest->batch_size;
  if (slowest->rung.has_value()) {
    image.served_compute = model_->ladder.rung(*slowest->rung).compute;
    image.reason = ReasonName(ServedReason(job_->rungs(), *slowest));
  }
  return image;
}

template class Exchange<EmbedMethod>;
template class Exchange<ClassifyMethod>;
template class Exchange<InferMethod>;

}  // namespace snapvit
