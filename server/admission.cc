#include "server/admission.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr int kLatencyTargetOfDense = 10;
constexpr absl::Duration kLeastLatencyTarget = absl::Milliseconds(50);

// The largest rung that is not above `compute`; the smallest if all are.
int AtMost(const ServedModel& model, double compute) {
  return model.ladder.AtMostCompute(compute).value_or(0);
}

}  // namespace

BudgetLimits LimitsOf(const ServedModel& model, const TenantPolicy& policy,
                      const GovernorSettings& governor) {
  BudgetLimits limits;
  limits.model_floor = model.floor_rung;
  if (policy.default_budget.has_value()) limits.default_target = *policy.default_budget;
  if (policy.ceiling.has_value()) limits.tenant_ceiling = AtMost(model, policy.ceiling->share);
  if (policy.floor.has_value()) limits.tenant_floor = LeastRung(*policy.floor, model.ladder);
  if (governor.max_compute.has_value()) limits.admin_limit = AtMost(model, *governor.max_compute);
  if (governor.pin_compute.has_value()) limits.pin = AtMost(model, *governor.pin_compute);
  limits.strict_allowed = policy.strict_allowed;
  return limits;
}

absl::Time SoftDeadline(const ServedModel& model, const TenantPolicy& policy, absl::Time arrival) {
  if (policy.latency_target.has_value()) return arrival + *policy.latency_target;
  if (policy.priority == PriorityClass::kBatch || model.latency == nullptr) {
    return absl::InfiniteFuture();
  }
  const absl::Duration dense = model.latency->BatchTime(model.ladder.dense(), 1);
  return arrival + std::max(kLeastLatencyTarget, kLatencyTargetOfDense * dense);
}

absl::StatusOr<UsageGrant> ChargeTenant(const ServedModel& model, const Tenant& tenant, int images,
                                        RungInterval& rungs) {
  UsageLimits limits;
  limits.rate_gflops = tenant.policy.rate_gflops;
  limits.burst_gflop = tenant.policy.burst_gflop;
  limits.concurrency = tenant.policy.concurrency;
  UsageRequest request;
  request.images = images;
  request.wanted_gflop = images * model.ladder.rung(rungs.wanted).gflops;
  request.floor_gflop = images * model.ladder.rung(rungs.floor).gflops;
  ASSIGN_OR_RETURN(UsageGrant grant, tenant.meter->Admit(limits, request));
  if (grant.at_floor()) {
    rungs.wanted = rungs.floor;
    rungs.reason = BudgetReason::kTenantLimit;
  }
  return grant;
}

absl::Status CheckQueueRoom(const TenantPolicy& policy, size_t queued_items, size_t images,
                            size_t max_items) {
  if (policy.priority != PriorityClass::kBatch) return absl::OkStatus();
  const size_t room = std::max<size_t>(1, max_items / 2);
  // An empty queue takes what the queue's own bounds allow.
  if (queued_items == 0 || queued_items + images <= room) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(queued_items,
                                                              " images wait, batch tenants may "
                                                              "fill the queue up to ",
                                                              room)),
                    kReasonQueueFull);
}

}  // namespace snapvit
