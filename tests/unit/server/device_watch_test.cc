#include "server/device_watch.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/testing/fake_cuda.h"

namespace snapvit {
namespace {

const std::vector<absl::Status> kFine = {absl::OkStatus(), absl::ResourceExhaustedError("memory")};
const std::vector<absl::Status> kFailed = {absl::OkStatus(), absl::InternalError("CUDA error")};

OpenedDevice Gpu(int index) {
  OpenedDevice gpu = *OpenDevice({DeviceRequest::Kind::kCuda, 0}, FakeCuda("two_gpus"));
  gpu.device.index = index;  // the fake one says that it has no 1 that answers
  return gpu;
}

TEST(DeviceWatch, AGpuThatStillAnswersAfterAFailureStays) {
  DeviceWatch watch(Gpu(0));
  watch.Note(kFine);
  watch.Note(kFailed);
  EXPECT_TRUE(watch.failure().ok()) << watch.failure();
}

TEST(DeviceWatch, AGpuThatDoesNotAnswerAfterAFailureIsLost) {
  DeviceWatch watch(Gpu(1));
  watch.Note(kFine);
  EXPECT_TRUE(watch.failure().ok()) << "nobody had a reason to ask";
  watch.Note(kFailed);
  EXPECT_EQ(watch.failure().code(), absl::StatusCode::kInternal);
  watch.Note(kFine);
  EXPECT_FALSE(watch.failure().ok()) << "it stays lost";
}

TEST(DeviceWatch, ACpuIsNeverLost) {
  DeviceWatch watch{OpenedDevice()};
  watch.Note(kFailed);
  EXPECT_TRUE(watch.failure().ok());
}

}  // namespace
}  // namespace snapvit
