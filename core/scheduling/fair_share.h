// Weighted max-min: who may use how much of the engine.
#ifndef SNAPVIT_CORE_SCHEDULING_FAIR_SHARE_H_
#define SNAPVIT_CORE_SCHEDULING_FAIR_SHARE_H_

#include <span>

namespace snapvit {

// What one tenant asks of the engine, as a share of all workers; may be above 1 in sum.
struct ShareClaim {
  double demand = 0;  // >= 0
  double weight = 1;  // > 0
  double limit = 0;   // out: what it may use at present, (0, 1]
};

// Sets the limits. The water level is raised until the engine is used up; a claim may use level ×
// weight, and claims below that are met whole. If all are met, each may use all that it finds.
void ShareOut(std::span<ShareClaim> claims);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_FAIR_SHARE_H_
