#include "core/kernels/bf16_speed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string_view>

namespace snapvit {
namespace {

// Whatever else runs: tiles are several times as fast.
TEST(Bfloat16Speed, TilesAreFasterThanVectors) {
  const Kernels<BFloat16Bits>* const kernels = CpuKernels<BFloat16Bits>();
  if (kernels == nullptr || std::string_view(kernels->instruction_set) != "AMX BF16") {
    GTEST_SKIP() << "this processor has no AMX";
  }
  EXPECT_GT(Bfloat16SpeedUp(), 1.2);
}

TEST(Bfloat16Speed, IsANumberForEveryTableAndNoneWithout) {
  for (const Kernels<BFloat16Bits>* kernels : AllCpuKernels<BFloat16Bits>()) {
    const double speed_up = MeasureBfloat16SpeedUp(*kernels, *CpuKernels<float>());
    EXPECT_TRUE(std::isfinite(speed_up)) << kernels->instruction_set;
    EXPECT_GT(speed_up, 0) << kernels->instruction_set;
    RecordProperty(kernels->instruction_set, std::to_string(speed_up));
  }
  EXPECT_EQ(Bfloat16SpeedUp() > 0, CpuKernels<BFloat16Bits>() != nullptr);
}

}  // namespace
}  // namespace snapvit
