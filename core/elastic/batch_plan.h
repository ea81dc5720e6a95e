// PlanBatch: which images of a batch a thread computes alone, and which all threads compute
// together.
#ifndef SNAPVIT_CORE_ELASTIC_BATCH_PLAN_H_
#define SNAPVIT_CORE_ELASTIC_BATCH_PLAN_H_

#include <span>
#include <vector>

namespace snapvit {

// Images that are computed side by side, so that weights are read once for all; the most expensive
// first, those of one cost in the order of the batch.
using ImagePass = std::vector<int>;

struct BatchPlan {
  std::vector<std::vector<ImagePass>> alone;  // of each thread
  ImagePass together;                         // the others
};

// An image that one thread computes alone never waits for another thread and stays in that thread's
// cache; but threads without an image of their own would be idle. `costs`: of each image, in any
// unit; those of one view cost the same. `at_once`: images of a pass on one thread, about. The plan
// with the least estimated time, of those that give the most expensive images to single threads,
// each to the one that is free first; images of one view share a pass where that costs no balance.
BatchPlan PlanBatch(std::span<const double> costs, int threads, int at_once);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_BATCH_PLAN_H_
