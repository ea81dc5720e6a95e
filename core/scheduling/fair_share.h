// Weighted max-min: who may use how much of the engine.
#ifndef SNAPVIT_CORE_SCHEDULING_FAIR_SHARE_H_
#define SNAPVIT_CORE_SCHEDULING_FAIR_SHARE_H_

#include <span>

#include "core/scheduling/tenant_share.h"

namespace snapvit {

// What one tenant asks of the engine, as a share of all workers; may be above 1 in sum.
struct ShareClaim {
  double demand = 0;  // >= 0
  double weight = 1;  // > 0
  PriorityClass priority = PriorityClass::kInteractive;

  double limit = 0;  // out: what it may use at present, (0, 1]
  double pace = 1;   // out: engine time for its weight, against that of a batch claim, >= 1
};

// Sets what is out. Every claim has its share by weight, as far as it asks for it. What is left
// goes to the interactive claims, and what these leave to the batch claims: in both classes the
// water level is raised until it is used up; a claim may use level × weight, and claims below that
// are met whole. If all are met, each may use all that it finds.
void ShareOut(std::span<ShareClaim> claims);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_FAIR_SHARE_H_
