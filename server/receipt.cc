#include "server/receipt.h"

#include "server/duration_proto.h"

namespace snapvit {

v1::Reason ServedReason(const RungInterval& rungs, const Execution& execution) {
  switch (execution.reason) {
    case RungReason::kLoad:
      return v1::REASON_LOAD;
    case RungReason::kDeadline:
      return v1::REASON_DEADLINE;
    case RungReason::kTenantLimit:
      return v1::REASON_TENANT_LIMIT;
    case RungReason::kAsWanted:
      break;
  }
  switch (rungs.reason) {
    case BudgetReason::kModelFloor:
      return v1::REASON_MODEL_FLOOR;
    case BudgetReason::kTenantLimit:
      return v1::REASON_TENANT_LIMIT;
    case BudgetReason::kAdminLimit:
      return v1::REASON_ADMIN_LIMIT;
    case BudgetReason::kAsRequested:
      break;
  }
  return v1::REASON_AS_REQUESTED;
}

std::string_view ReasonName(v1::Reason reason) {
  constexpr std::string_view kPrefix = "REASON_";
  return std::string_view(v1::Reason_Name(reason)).substr(kPrefix.size());
}

void FillReceipt(const ServedModel& model, const RungInterval& rungs, const Execution& execution,
                 const std::string& embedding_space_id, v1::Receipt* receipt) {
  const Rung& rung = model.ladder.rung(*execution.rung);
  receipt->set_model(model.name);
  receipt->set_ordering_id(model.ordering_id);
  receipt->set_embedding_space_id(embedding_space_id);
  receipt->set_rung(static_cast<uint32_t>(rung.index));
  receipt->set_requested_compute(rungs.requested_compute);
  receipt->set_served_compute(rung.compute);
  receipt->set_floor_compute(model.ladder.rung(rungs.floor).compute);
  receipt->set_gflops(rung.gflops);
  receipt->mutable_ratios()->set_mlp(rung.mlp_ratio);
  receipt->mutable_ratios()->set_heads(rung.head_ratio);
  receipt->set_estimated_fidelity(rung.fidelity.value_or(0));
  receipt->set_reason(ServedReason(rungs, execution));
  SetDuration(execution.queue_time, receipt->mutable_queue_time());
  SetDuration(execution.prepare_time, receipt->mutable_decode_time());
  SetDuration(execution.compute_time, receipt->mutable_compute_time());
  receipt->set_batch_size(static_cast<uint32_t>(execution.batch_size));
}

}  // namespace snapvit
