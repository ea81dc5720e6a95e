// Every way to open a device or to fail at it, with stand-ins for the module.
#include "core/device/open_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/testing/fake_cuda.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = DeviceRequest::Kind;

std::string ErrorOf(const absl::Status& status, absl::StatusCode code) {
  EXPECT_EQ(status.code(), code) << status;
  return std::string(status.message());
}

TEST(OpenDevice, TheCpuNeedsNoModule) {
  const absl::StatusOr<OpenedDevice> opened =
      OpenDevice({Kind::kCpu}, {.file = "/nowhere/libsnapvit_cuda.so"});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->device, Device());
  EXPECT_FALSE(opened->module.has_value());
  EXPECT_EQ(opened->why_cpu, "");
}

TEST(OpenDevice, OpensTheGpuThatWasAskedFor) {
  const absl::StatusOr<OpenedDevice> opened = OpenDevice({Kind::kCuda, 1}, FakeCuda("two_gpus"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->device, (Device{Device::Kind::kCuda, 1}));
  EXPECT_EQ(opened->name, "Fake GPU 1");
  ASSERT_TRUE(opened->module.has_value());
  EXPECT_EQ(opened->module->DeviceMemory(1)->free_bytes, 2000U);
  EXPECT_EQ(opened->module->DeviceMemory(1)->total_bytes, 4000U);
}

TEST(OpenDevice, AutoTakesTheFirstGpu) {
  const absl::StatusOr<OpenedDevice> opened = OpenDevice({Kind::kAuto}, FakeCuda("two_gpus"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->device, (Device{Device::Kind::kCuda, 0}));
  EXPECT_EQ(opened->why_cpu, "");
}

// Why there is no GPU is never an error with "auto", and always said.
TEST(OpenDevice, AutoFallsBackToTheCpuAndSaysWhy) {
  const std::pair<const char*, const char*> cases[] = {{"no_gpu", "CUDA counts none"},
                                                       {"no_driver", "the driver is too old"},
                                                       {"other_version", "another build"},
                                                       {"no_module", "another build"},
                                                       {"not_there", "there is no such file"}};
  for (const auto& [module, reason] : cases) {
    const absl::StatusOr<OpenedDevice> opened = OpenDevice({Kind::kAuto}, FakeCuda(module));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->device, Device()) << module;
    EXPECT_FALSE(opened->module.has_value()) << module;
    EXPECT_THAT(opened->why_cpu, HasSubstr(reason)) << module;
  }
}

TEST(OpenDevice, AutoLoadsNothingWithoutADriver) {
  CudaModuleSearch search = FakeCuda("two_gpus");
  search.driver = "libno_such_driver.so.1";
  const absl::StatusOr<OpenedDevice> opened = OpenDevice({Kind::kAuto}, search);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->device, Device());
  EXPECT_THAT(opened->why_cpu, HasSubstr("no NVIDIA driver is installed"));
}

TEST(OpenDevice, ListsTheGpusIfTheIndexIsNone) {
  EXPECT_THAT(ErrorOf(OpenDevice({Kind::kCuda, 2}, FakeCuda("two_gpus")).status(),
                      absl::StatusCode::kNotFound),
              AllOf(HasSubstr("there is no cuda:2"),
                    HasSubstr("there are cuda:0 (Fake GPU 0), cuda:1 (Fake GPU 1)")));
}

TEST(OpenDevice, SaysThatThereIsNoGpu) {
  EXPECT_THAT(ErrorOf(OpenDevice({Kind::kCuda, 0}, FakeCuda("no_gpu")).status(),
                      absl::StatusCode::kFailedPrecondition),
              HasSubstr("no usable GPU: CUDA counts none"));
  EXPECT_THAT(ErrorOf(OpenDevice({Kind::kCuda, 0}, FakeCuda("no_driver")).status(),
                      absl::StatusCode::kFailedPrecondition),
              HasSubstr("no usable GPU: the driver is too old"));
}

TEST(OpenDevice, PassesOnWhyTheModuleCannotBeLoaded) {
  const TemporaryFolder folder;
  const std::string file = folder.Write("libsnapvit_cuda.so", "this is no library");
  EXPECT_THAT(ErrorOf(OpenDevice({Kind::kCuda, 0}, {.file = file}).status(),
                      absl::StatusCode::kFailedPrecondition),
              AllOf(HasSubstr(file + " could not be loaded: "), HasSubstr("file too short")));
}

TEST(OpenDevice, RefusesTheModuleOfAnotherBuild) {
  EXPECT_THAT(ErrorOf(OpenDevice({Kind::kCuda, 0}, FakeCuda("other_version")).status(),
                      absl::StatusCode::kFailedPrecondition),
              AllOf(HasSubstr("needs version 2"), HasSubstr("it has version 99")));
  EXPECT_THAT(ErrorOf(OpenDevice({Kind::kCuda, 0}, FakeCuda("no_module")).status(),
                      absl::StatusCode::kFailedPrecondition),
              HasSubstr("it has none"));
}

TEST(FindCudaModule, SaysWhereItLookedInVain) {
  EXPECT_THAT(ErrorOf(FindCudaModule({.executable_folder = "/nowhere/bin"}).status(),
                      absl::StatusCode::kNotFound),
              AllOf(HasSubstr("not built"), HasSubstr("/nowhere/bin or /nowhere/lib"),
                    HasSubstr("scripts/build.sh release snapvit_cuda")));
  const CudaModuleSearch variable{.file = "/nowhere/x.so", .executable_folder = "/nowhere/bin"};
  EXPECT_THAT(ErrorOf(FindCudaModule(variable).status(), absl::StatusCode::kNotFound),
              HasSubstr("SNAPVIT_CUDA_MODULE is '/nowhere/x.so'"));
}

TEST(FindCudaModule, PrefersTheVariableThenTheExecutablesFolderThenLib) {
  const TemporaryFolder folder;
  CudaModuleSearch search;
  search.executable_folder = folder.path() + "/bin";
  const auto finds = [&search](const std::string& file) {
    return std::filesystem::equivalent(*FindCudaModule(search), file);
  };
  EXPECT_TRUE(finds(folder.Write("lib/libsnapvit_cuda.so", "")));
  EXPECT_TRUE(finds(folder.Write("bin/libsnapvit_cuda.so", "")));
  search.file = folder.Write("elsewhere.so", "");
  EXPECT_TRUE(finds(search.file));
}

TEST(CudaModule, ErrorsOfAGpuNameIt) {
  const absl::StatusOr<OpenedDevice> opened = OpenDevice({Kind::kCuda, 1}, FakeCuda("two_gpus"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(opened->module->Synchronize(0).ok());
  EXPECT_EQ(ErrorOf(opened->module->Synchronize(1), absl::StatusCode::kInternal),
            "cuda:1: an illegal memory access was encountered");
}

}  // namespace
}  // namespace snapvit
