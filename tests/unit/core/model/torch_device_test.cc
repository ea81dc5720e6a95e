#include "core/model/torch_device.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

// This program loads no CUDA module, so that ATen has no CUDA even on a machine with a GPU.
TEST(TorchDevice, RefusesAGpuThatNobodyOpened) {
  ModelFolder folder = RandomModel(MakeVitConfig(16, 4, 24, 1, 3, 40, 0), 1);
  const absl::Status status = MoveWeights({Device::Kind::kCuda, 1}, folder);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("cuda:1"));
  EXPECT_TRUE(folder.weights.patch.weight.is_cpu());
}

TEST(TorchDevice, TheCpuTakesWeightsAsTheyAre) {
  ModelFolder folder = RandomModel(MakeVitConfig(16, 4, 24, 1, 3, 40, 0), 1);
  const at::Tensor before = folder.weights.blocks[0].fc1.weight;
  ASSERT_TRUE(MoveWeights(Device(), folder).ok());
  EXPECT_TRUE(folder.weights.blocks[0].fc1.weight.is_alias_of(before));
}

}  // namespace
}  // namespace snapvit
