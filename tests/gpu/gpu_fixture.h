// The first GPU, opened before anything is computed; without a driver every test is skipped with
// the reason.
#ifndef SNAPVIT_TESTS_GPU_GPU_FIXTURE_H_
#define SNAPVIT_TESTS_GPU_GPU_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/device/open_device.h"
#include "core/model/torch_device.h"

namespace snapvit {

class GpuTest : public ::testing::Test {
 protected:
  // Once for the process: ATen looks for CUDA at its first computation.
  static const absl::StatusOr<OpenedDevice>& Gpu() {
    static const auto* const gpu =
        new absl::StatusOr<OpenedDevice>(OpenDevice({DeviceRequest::Kind::kCuda, 0}));
    return *gpu;
  }

  void SetUp() override {
    if (Gpu().ok()) return;
    const std::string why(Gpu().status().message());
    // With a driver at hand, a module that does not work is a failure and no reason to skip.
    if (std::filesystem::exists("/dev/nvidiactl")) FAIL() << why;
    GTEST_SKIP() << why;
  }

  // A copy of `folder` with its weights on the GPU.
  static ModelFolder OnGpu(ModelFolder folder) {
    const absl::Status moved = MoveWeights(Gpu()->device, folder);
    EXPECT_TRUE(moved.ok()) << moved;
    return folder;
  }
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_GPU_GPU_FIXTURE_H_
