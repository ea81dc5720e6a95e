#include "server/tenant_series.h"

#include <cstddef>

#include "server/metric_table.h"

namespace snapvit {

TenantFamilies::TenantFamilies(prometheus::Registry& registry)
    : requests(MakeCounter(kRequests, registry)),
      items(MakeCounter(kItems, registry)),
      degraded(MakeCounter(kDegraded, registry)),
      shed(MakeCounter(kShed, registry)),
      flops(MakeCounter(kFlops, registry)),
      request_duration(MakeHistogram(kTenantRequestDuration, registry)),
      served_compute(MakeHistogram(kServedCompute, registry)),
      estimated_fidelity(MakeHistogram(kEstimatedFidelity, registry)) {}

TenantSeries::TenantSeries(const prometheus::Labels& labels, TenantFamilies& families)
    : requests(labels, {{"method", MethodNames()}, {"code", CodeNames()}},
               AddTo(families.requests)),
      items(labels, {{"budget", BudgetNames()}, {"requested_budget", BudgetNames()}},
            AddTo(families.items)),
      degraded(labels, {{"reason", DegradedReasons()}}, AddTo(families.degraded)),
      shed(labels, {{"reason", ShedReasons()}}, AddTo(families.shed)),
      flops(labels, {}, AddTo(families.flops)),
      request_duration(labels, {}, AddTo(families.request_duration, LatencyBuckets())),
      served_compute(labels, {}, AddTo(families.served_compute, ComputeBuckets())),
      estimated_fidelity(labels, {}, AddTo(families.estimated_fidelity, FidelityBuckets())) {}

void TenantSeries::Export() {
  for (const RpcMethod method : kMethods) {
    for (size_t code = 0; code < CodeNames().size(); ++code) {
      requests.At({static_cast<size_t>(method), code});
    }
  }
  for (size_t i = 0; i < DegradedReasons().size(); ++i) degraded.At({i});
  for (size_t i = 0; i < ShedReasons().size(); ++i) shed.At({i});
  flops.At({});
  request_duration.At({});
  served_compute.At({});
  estimated_fidelity.At({});
}

}  // namespace snapvit
