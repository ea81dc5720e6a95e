// What a policy knows about tenants, and what it tells about them.
#ifndef SNAPVIT_CORE_SCHEDULING_TENANT_SHARE_H_
#define SNAPVIT_CORE_SCHEDULING_TENANT_SHARE_H_

#include <cstddef>
#include <vector>

#include "absl/time/time.h"

namespace snapvit {

// Who goes first where the weights leave it open.
enum class PriorityClass {
  kInteractive,  // gets what others leave of their shares, and its turn, before
  kBatch,        // which has its share, but later, and the rest
};

// Of one tenant, by the index that TaskSpec::tenant names.
struct TenantShare {
  double weight = 1;  // share of engine time against the other tenants' weights, > 0
  PriorityClass priority = PriorityClass::kInteractive;
};

// What the governor makes of one tenant at present.
struct TenantGovernance {
  // Rung of the ladder last seen that its tasks are not served above; the ladder's highest: no cap.
  int cap_rung = 0;
  double share = 0;         // of all engine time, by weight among it and those with work, [0, 1]
  double demand = 0;        // engine time asked for at wanted rungs ÷ engine time there is, >= 0
  size_t queued_items = 0;  // waiting, being prepared, or ready
};

// One for each tenant; tenants that a policy does not tell apart are left out.
using TenantGovernances = std::vector<TenantGovernance>;

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_TENANT_SHARE_H_
