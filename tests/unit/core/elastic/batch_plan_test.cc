#include "core/elastic/batch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PlanBatch, EqualImagesGoToSingleThreadsInWholeRounds) {
  const std::vector<double> costs(5, 3.0);
  const BatchPlan plan = PlanBatch(costs, 2);
  EXPECT_THAT(plan.alone, ElementsAre(ElementsAre(0, 2), ElementsAre(1, 3)));
  EXPECT_THAT(plan.together, ElementsAre(4));
}

TEST(PlanBatch, FewerImagesThanThreadsAreComputedTogether) {
  const BatchPlan plan = PlanBatch(std::vector<double>{1, 2, 1}, 8);
  EXPECT_THAT(plan.alone, ::testing::Each(IsEmpty()));
  EXPECT_THAT(plan.together, ElementsAre(1, 0, 2));
}

TEST(PlanBatch, MixedCostsAreSpreadSoThatThreadsEndTogether) {
  const BatchPlan plan = PlanBatch(std::vector<double>{0.3, 1.0, 0.5, 0.8}, 2);
  EXPECT_THAT(plan.alone, ElementsAre(ElementsAre(1, 0), ElementsAre(3, 2)));
  EXPECT_THAT(plan.together, IsEmpty());
}

TEST(PlanBatch, WhatWouldLeaveThreadsIdleIsSharedByAll) {
  // One after another on two threads: 1 and 1, then 0.5 and nothing.
  const BatchPlan plan = PlanBatch(std::vector<double>{0.5, 1.0, 1.0}, 2);
  EXPECT_THAT(plan.alone, ElementsAre(ElementsAre(1), ElementsAre(2)));
  EXPECT_THAT(plan.together, ElementsAre(0));
}

TEST(PlanBatch, OneThreadHasAllAndThoseOfOneCostAreNeighbours) {
  const BatchPlan plan = PlanBatch(std::vector<double>{1, 2, 1, 2}, 1);
  EXPECT_THAT(plan.alone, ElementsAre(ElementsAre(1, 3, 0, 2)));
  EXPECT_THAT(plan.together, IsEmpty());
}

}  // namespace
}  // namespace snapvit
