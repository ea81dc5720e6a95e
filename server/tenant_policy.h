// TenantPolicy: what the tenants file says about one tenant, as plain values (docs/tenants.md).
#ifndef SNAPVIT_SERVER_TENANT_POLICY_H_
#define SNAPVIT_SERVER_TENANT_POLICY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/elastic/budget.h"
#include "core/scheduling/tenant_share.h"

namespace snapvit {

// What metrics and logs call all callers without a tenant.
inline constexpr char kOtherTenant[] = "other";

// The initialisers are the defaults of the file.
struct TenantPolicy {
  std::string name;

  // Who it is: at least one of both.
  std::vector<std::string> key_hashes;    // SHA-256 of each key, 64 lower-case hexadecimal digits
  std::vector<std::string> certificates;  // names in client certificates

  // What its requests get.
  std::optional<BudgetTarget> default_budget;  // of requests that name none; nothing: dense
  std::optional<FloorTarget> floor;            // how far load may lower them; nothing: the model's
  std::optional<ComputeTarget> ceiling;        // it gets nothing above
  bool strict_allowed = true;
  // Batch: also leaves half of the queue to others, and has no latency target unless it sets one.
  PriorityClass priority = PriorityClass::kInteractive;
  std::optional<absl::Duration> latency_target;  // from arrival to the end of compute

  // What it may use.
  double weight = 1;                  // share of engine time against the others' weights, > 0
  std::optional<double> rate_gflops;  // GFLOP per second; nothing: no limit
  double burst_gflop = 0;             // GFLOP at once; only with a rate, > 0 then
  std::optional<int> concurrency;     // images in flight; nothing: no limit
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TENANT_POLICY_H_
