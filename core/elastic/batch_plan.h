// PlanBatch: which images of a batch a thread computes alone, and which all threads compute
// together.
#ifndef SNAPVIT_CORE_ELASTIC_BATCH_PLAN_H_
#define SNAPVIT_CORE_ELASTIC_BATCH_PLAN_H_

#include <span>
#include <vector>

namespace snapvit {

struct BatchPlan {
  // Images of each thread, and the others: the most expensive first, then in their order.
  std::vector<std::vector<int>> alone;
  std::vector<int> together;
};

// An image that one thread computes alone never waits for another thread and stays in that thread's
// cache; but threads without an image of their own would be idle. `costs`: of each image, in any
// unit. The plan with the least estimated time, of those that give the most expensive images to
// single threads, each to the one that is free first.
BatchPlan PlanBatch(std::span<const double> costs, int threads);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_BATCH_PLAN_H_
