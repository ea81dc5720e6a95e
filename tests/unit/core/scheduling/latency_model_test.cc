#include "core/scheduling/latency_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace snapvit {
namespace {

using absl::Milliseconds;
using testing::DoubleNear;
using testing::ElementsAre;

// A batch of four costs as much as two, at rungs of 2 and 4 ms.
LatencyModel Model() {
  return LatencyModel(
      std::make_shared<const LatencyTable>(*LatencyTable::Create(
          {1, 4}, {{Milliseconds(2), Milliseconds(4)}, {Milliseconds(4), Milliseconds(8)}})),
      4);
}

TEST(LatencyModel, BeginsWithTheProfile) {
  LatencyModel model = Model();
  EXPECT_NEAR(model.BatchTime(0, 1), 0.002, 1e-9);
  EXPECT_NEAR(model.BatchTime(1, 4), 0.008, 1e-9);
  EXPECT_EQ(model.SafeBatchTime(1, 4), model.BatchTime(1, 4));
}

TEST(LatencyModel, FollowsADrift) {
  LatencyModel model = Model();
  for (int i = 0; i < 300; ++i) {
    const double expected = model.BatchTime(1, 4);
    model.Observe(expected, 0.012);
  }
  EXPECT_NEAR(model.BatchTime(1, 4), 0.012, 1e-4);
  EXPECT_NEAR(model.BatchTime(0, 1), 0.003, 1e-4) << "the whole profile drifts";
  EXPECT_NEAR(model.SafeBatchTime(0, 1), 0.003, 3e-4) << "steady times need little safety";
}

TEST(LatencyModel, KeepsADistanceWhereTimesScatter) {
  LatencyModel model = Model();
  for (int i = 0; i < 300; ++i) {
    model.Observe(model.BatchTime(1, 4), model.BatchTime(1, 4) * (i % 2 == 0 ? 0.8 : 1.2));
  }
  EXPECT_NEAR(model.SafeBatchTime(1, 4) / model.BatchTime(1, 4), 1.6, 0.1);
}

TEST(LatencyModel, DoesNotBelieveOneStall) {
  LatencyModel model = Model();
  model.Observe(model.BatchTime(0, 1), 100);
  EXPECT_LE(model.BatchTime(0, 1), 0.0022);
}

TEST(LatencyModel, CostsATaskInTheBestBatchThatIsQuickEnough) {
  LatencyModel model = Model();
  EXPECT_THAT(model.TaskTimes(1), ElementsAre(DoubleNear(0.001, 1e-9), DoubleNear(0.002, 1e-9)));
  EXPECT_THAT(model.TaskTimes(0.006),
              ElementsAre(DoubleNear(0.001, 1e-9), DoubleNear(0.0026667, 1e-6)))
      << "rung 1: no more than two in 6 ms";
  EXPECT_THAT(model.TaskTimes(0.0001),
              ElementsAre(DoubleNear(0.002, 1e-9), DoubleNear(0.004, 1e-9)));
}

}  // namespace
}  // namespace snapvit
