#include "server/served_model_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

class ServedModelBuilderTest : public ::testing::Test {
 protected:
  // Fidelity falls from 1 at compute 1 to `lowest` at the smallest view.
  static std::shared_ptr<const ElasticModel> MakeModel(double lowest) {
    const ModelFolder folder = RandomModel(MakeVitConfig(16, 8, 24, 3, 4, 96, 5), 1);
    Ordering ordering = RandomOrdering(folder.config, 2);
    ordering.fidelity.compute = {0.25, 1};
    ordering.fidelity.fidelity = {static_cast<float>(lowest), 1};
    ordering.fidelity.standard_error = {0, 0};
    return *ElasticModel::Create(folder, std::move(ordering), {});
  }
  static std::shared_ptr<const ServedModel> Build(std::shared_ptr<const ElasticModel> model,
                                                  std::optional<FloorTarget> floor) {
    return *BuildServedModel(std::move(model), 1, floor, {});
  }
};

TEST_F(ServedModelBuilderTest, TheFloorIsAFidelityUnlessOneIsSet) {
  const auto model = MakeModel(0.2);
  const auto served = Build(model, std::nullopt);
  ASSERT_GT(served->floor_rung, 0);
  EXPECT_GE(served->ladder.rung(served->floor_rung).fidelity, kDefaultFloorFidelity);
  EXPECT_LT(served->ladder.rung(served->floor_rung - 1).fidelity, kDefaultFloorFidelity);
  EXPECT_EQ(Build(model, ComputeTarget{0.2})->floor_rung, 0);
  const auto half = Build(model, ComputeTarget{0.5});
  EXPECT_LE(half->ladder.rung(half->floor_rung).compute, 0.5);
  EXPECT_GT(half->ladder.rung(half->floor_rung + 1).compute, 0.5);
  EXPECT_EQ(Build(MakeModel(0.9), std::nullopt)->floor_rung, 0);
}

TEST_F(ServedModelBuilderTest, TimesBetweenMeasuredRungsAreLinearInCompute) {
  const auto model = MakeModel(0.2);
  const Ladder& ladder = model->ladder();
  const int dense = ladder.dense();
  const int middle = dense / 2;
  const auto cell = [](int rung, int batch, double ms) {
    ProfileCell result;
    result.rung = rung;
    result.batch = batch;
    result.p50 = absl::Milliseconds(ms);
    return result;
  };
  const ProfileCell cells[] = {cell(0, 1, 2), cell(0, 4, 5), cell(dense, 1, 10),
                               cell(dense, 4, 30)};
  const auto table = InterpolateLatency(ladder, cells);
  ASSERT_TRUE(table.ok()) << table.status();
  const double share =
      (ladder.rung(middle).compute - ladder.rung(0).compute) / (1 - ladder.rung(0).compute);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(table->BatchTime(middle, 1)), 2 + share * 8, 1e-6);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(table->BatchTime(middle, 4)), 5 + share * 25, 1e-6);
  EXPECT_EQ(table->BatchTime(dense, 4), absl::Milliseconds(30));
}

TEST_F(ServedModelBuilderTest, ALargerRungIsNeverFasterWhateverTheNoise) {
  const auto model = MakeModel(0.2);
  ProfileCell fast;
  fast.rung = model->ladder().dense();
  fast.batch = 1;
  fast.p50 = absl::Milliseconds(1);
  ProfileCell slow;
  slow.rung = 0;
  slow.batch = 1;
  slow.p50 = absl::Milliseconds(3);
  const ProfileCell cells[] = {slow, fast};
  const auto table = InterpolateLatency(model->ladder(), cells);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->BatchTime(fast.rung, 1), absl::Milliseconds(3));
}

}  // namespace
}  // namespace snapvit
