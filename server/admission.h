// What a tenant's policy, an operator and the queue make of a request, before any of its images is
// decoded. The rules are DESIGN "Floors" and "Deadlines"; docs/tenants.md tells them to operators.
#ifndef SNAPVIT_SERVER_ADMISSION_H_
#define SNAPVIT_SERVER_ADMISSION_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/elastic/rung_interval.h"
#include "server/governor_control.h"
#include "server/served_model.h"
#include "server/tenant_meter.h"
#include "server/tenant_policy.h"
#include "server/tenant_table.h"

namespace snapvit {

// What besides its own budget limits a request, on the model's ladder.
BudgetLimits LimitsOf(const ServedModel& model, const TenantPolicy& policy,
                      const GovernorSettings& governor);

// Until when a request that has arrived at `arrival` should be computed at the rung that it wants:
// by the tenant's latency target or, if it has none, by ten times the dense model's profiled
// latency, at least 50 ms. InfiniteFuture: for batch tenants without a target, or when nothing is
// profiled.
absl::Time SoftDeadline(const ServedModel& model, const TenantPolicy& policy, absl::Time arrival);

// Charges the tenant for a request of `images` images. When its rate limit is used up, `rungs` are
// lowered to their floor (kTenantLimit). Errors as TenantMeter::Admit().
absl::StatusOr<UsageGrant> ChargeTenant(const ServedModel& model, const Tenant& tenant, int images,
                                        RungInterval& rungs);

// Whether the tenant's class leaves room for `images` more in a queue of at most `max_items` that
// holds `queued_items` now. RESOURCE_EXHAUSTED (QUEUE_FULL).
absl::Status CheckQueueRoom(const TenantPolicy& policy, size_t queued_items, size_t images,
                            size_t max_items);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ADMISSION_H_
