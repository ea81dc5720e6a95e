#include "server/served_model_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "server/model_floor.h"
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
  EXPECT_EQ(Build(MakeModel(0.95), std::nullopt)->floor_rung, 0);
}

TEST_F(ServedModelBuilderTest, WhoseKernelsComputeIsTold) {
  const auto model = MakeModel(0.5);
  const std::string kernels = Build(model, std::nullopt)->kernels;
  EXPECT_EQ(kernels, model->kernels());
  EXPECT_EQ(kernels == "LibTorch", !model->uses_kernels());
  EXPECT_NE(kernels, "");
}

}  // namespace
}  // namespace snapvit
