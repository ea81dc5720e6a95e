#include "core/elastic/batch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One image a pass.
BatchPlan Plan(const std::vector<double>& costs, int threads) {
  return PlanBatch(costs, threads, /*at_once=*/1);
}

TEST(PlanBatch, EqualImagesGoToSingleThreadsInWholeRounds) {
  const BatchPlan plan = Plan(std::vector<double>(5, 3.0), 2);
  EXPECT_THAT(plan.alone, ElementsAre(ElementsAre(ElementsAre(0), ElementsAre(2)),
                                      ElementsAre(ElementsAre(1), ElementsAre(3))));
  EXPECT_THAT(plan.together, ElementsAre(4));
}

TEST(PlanBatch, FewerImagesThanThreadsAreComputedTogether) {
  const BatchPlan plan = Plan({1, 2, 1}, 8);
  EXPECT_THAT(plan.alone, ::testing::Each(IsEmpty()));
  EXPECT_THAT(plan.together, ElementsAre(1, 0, 2));
}

TEST(PlanBatch, MixedCostsAreSpreadSoThatThreadsEndTogether) {
  const BatchPlan plan = Plan({0.3, 1.0, 0.5, 0.8}, 2);
  EXPECT_THAT(plan.alone, ElementsAre(ElementsAre(ElementsAre(1), ElementsAre(0)),
                                      ElementsAre(ElementsAre(3), ElementsAre(2))));
  EXPECT_THAT(plan.together, IsEmpty());
}

TEST(PlanBatch, WhatWouldLeaveThreadsIdleIsSharedByAll) {
  // One after another on two threads: 1 and 1, then 0.5 and nothing.
  const BatchPlan plan = Plan({0.5, 1.0, 1.0}, 2);
  EXPECT_THAT(plan.alone, ElementsAre(ElementsAre(ElementsAre(1)), ElementsAre(ElementsAre(2))));
  EXPECT_THAT(plan.together, ElementsAre(0));
}

TEST(PlanBatch, OneThreadHasAll) {
  const BatchPlan plan = Plan({1, 2}, 1);
  EXPECT_THAT(plan.alone, ElementsAre(ElementsAre(ElementsAre(1), ElementsAre(0))));
  EXPECT_THAT(plan.together, IsEmpty());
}

TEST(PlanBatch, ImagesOfOneViewShareAPassWhereThreadsStayBalanced) {
  const BatchPlan plan = PlanBatch(std::vector<double>{1, 0.75, 0.5, 0.3, 1, 0.75, 0.5, 0.3}, 2, 2);
  EXPECT_THAT(plan.alone, ElementsAre(ElementsAre(ElementsAre(0, 4), ElementsAre(3, 7)),
                                      ElementsAre(ElementsAre(1, 5), ElementsAre(2, 6))));
  EXPECT_THAT(plan.together, IsEmpty());
}

TEST(PlanBatch, BalanceComesBeforePassesOfOneView) {
  const BatchPlan plan = PlanBatch(std::vector<double>{1, 0.5, 1, 0.5}, 2, 2);
  EXPECT_THAT(plan.alone,
              ElementsAre(ElementsAre(ElementsAre(0, 1)), ElementsAre(ElementsAre(2, 3))));
}

TEST(PlanBatch, PassesOfOneViewAreNoReasonToComputeTogether) {
  // Five passes of six images and two images would leave eight for both threads.
  EXPECT_THAT(PlanBatch(std::vector<double>(32, 1.0), 2, 6).together, IsEmpty());
}

TEST(PlanBatch, ASingleImageThatIsLeftJoinsTheOnesBefore) {
  EXPECT_THAT(PlanBatch(std::vector<double>(3, 1.0), 1, 2).alone,
              ElementsAre(ElementsAre(ElementsAre(0, 1, 2))));
  EXPECT_THAT(PlanBatch(std::vector<double>{3, 3, 3, 2, 2}, 1, 2).alone,
              ElementsAre(ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3, 4))));
  EXPECT_THAT(PlanBatch(std::vector<double>{1}, 1, 2).alone,
              ElementsAre(ElementsAre(ElementsAre(0))));
}

TEST(PlanBatch, ImagesOfViewsFarApartShareNoPass) {
  EXPECT_THAT(PlanBatch(std::vector<double>{1, 0.3}, 1, 2).alone,
              ElementsAre(ElementsAre(ElementsAre(0), ElementsAre(1))));
  EXPECT_THAT(PlanBatch(std::vector<double>{1, 0.3, 0.3}, 1, 2).alone,
              ElementsAre(ElementsAre(ElementsAre(1, 2), ElementsAre(0))));
  EXPECT_THAT(PlanBatch(std::vector<double>{1, 0.9, 0.3, 0.2}, 1, 2).alone,
              ElementsAre(ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3))));
}

TEST(PlanBatch, AnEmptyBatchIsNoWork) {
  const BatchPlan plan = PlanBatch({}, 2, 2);
  EXPECT_THAT(plan.alone, ElementsAre(IsEmpty(), IsEmpty()));
  EXPECT_THAT(plan.together, IsEmpty());
}

}  // namespace
}  // namespace snapvit
