#include "core/device/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ParseDeviceRequest, ReadsEveryForm) {
  using Kind = DeviceRequest::Kind;
  EXPECT_EQ(*ParseDeviceRequest("auto"), (DeviceRequest{Kind::kAuto, 0}));
  EXPECT_EQ(*ParseDeviceRequest("cpu"), (DeviceRequest{Kind::kCpu, 0}));
  EXPECT_EQ(*ParseDeviceRequest("cuda"), (DeviceRequest{Kind::kCuda, 0}));
  EXPECT_EQ(*ParseDeviceRequest("cuda:0"), (DeviceRequest{Kind::kCuda, 0}));
  EXPECT_EQ(*ParseDeviceRequest("cuda:127"), (DeviceRequest{Kind::kCuda, 127}));
}

TEST(ParseDeviceRequest, RefusesEverythingElse) {
  for (const char* text :
       {"", "gpu", "CPU", "cpu:0", "auto ", "cuda:", "cuda:-1", "cuda:+1", "cuda: 1", "cuda:1 ",
        "cuda:1x", "cuda:128", "cuda:99999999999", "cuda1", "cuda:0x1", "cuda:1:2"}) {
    const absl::Status status = ParseDeviceRequest(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("'" + std::string(text) + "'"),
                      HasSubstr("expected auto, cpu, cuda or cuda:N")));
  }
}

TEST(Device, PrintsWhatIsParsed) {
  EXPECT_EQ(Device().ToString(), "cpu");
  EXPECT_EQ((Device{Device::Kind::kCuda, 3}).ToString(), "cuda:3");
}

}  // namespace
}  // namespace snapvit
