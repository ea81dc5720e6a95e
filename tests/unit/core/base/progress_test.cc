#include "core/base/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/match.h"

namespace snapvit {
namespace {

// Standard error is no terminal while it is captured: the plain form of logs.
class ProgressTest : public testing::Test {
 protected:
  ProgressTest() { testing::internal::CaptureStderr(); }
  static std::string Printed() { return testing::internal::GetCapturedStderr(); }
};

TEST_F(ProgressTest, PrintsALineForEveryTenth) {
  const ProgressFn progress = TerminalProgress("ordering");
  for (int i = 0; i <= 1000; ++i) EXPECT_TRUE(progress({"gradients", i / 1000.0}));
  const std::string printed = Printed();
  const auto lines = std::count(printed.begin(), printed.end(), '\n');
  EXPECT_GE(lines, 10) << printed;
  EXPECT_LE(lines, 12) << printed;
  EXPECT_TRUE(absl::StrContains(printed, "ordering: 0% gradients"));
  EXPECT_TRUE(absl::StrContains(printed, "ordering: 100% gradients"));
}

TEST_F(ProgressTest, EndsOnce) {
  const ProgressFn progress = TerminalProgress("ordering");
  progress({"done", 1});
  progress({"done", 1});
  const std::string printed = Printed();
  EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 1) << printed;
}

}  // namespace
}  // namespace snapvit
