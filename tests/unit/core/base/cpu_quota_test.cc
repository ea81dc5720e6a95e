#include "core/base/cpu_quota.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

class CpuQuotaTest : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) { dir_.Write(name, text); }
  std::optional<double> Quota() { return CpuQuota(dir_.path() + "/process", dir_.path() + "/fs"); }

  TemporaryFolder dir_;
};

TEST_F(CpuQuotaTest, NoGroupsAreNoLimit) {
  EXPECT_EQ(Quota(), std::nullopt);
  Write("process", "not a group\n:\n::\n0::/there/is/none\n");
  EXPECT_EQ(Quota(), std::nullopt);
}

TEST_F(CpuQuotaTest, AContainersOwnGroupIsTheRoot) {
  Write("process", "0::/\n");
  Write("fs/cpu.max", "max 100000\n");
  EXPECT_EQ(Quota(), std::nullopt);
  Write("fs/cpu.max", "250000 100000\n");
  EXPECT_EQ(Quota(), 2.5);
}

TEST_F(CpuQuotaTest, TheSmallestOfAllGroupsAboveCounts) {
  Write("process", "0::/kubepods/pod1/server\n");
  Write("fs/kubepods/cpu.max", "800000 100000\n");
  Write("fs/kubepods/pod1/cpu.max", "300000 100000\n");
  Write("fs/kubepods/pod1/server/cpu.max", "max 100000\n");
  EXPECT_EQ(Quota(), 3);
}

TEST_F(CpuQuotaTest, VersionOneHasQuotaAndPeriod) {
  Write("process", "5:memory:/x\n4:cpu,cpuacct:/docker/0123\n0::/\n");
  Write("fs/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  Write("fs/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Quota(), std::nullopt);
  Write("fs/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
  EXPECT_EQ(Quota(), 1.5);
}

TEST_F(CpuQuotaTest, WhatIsNoNumberIsNoLimit) {
  Write("process", "0::/\n");
  for (const char* text : {"", "1", "a b", "-5 100000", "100000 0", "1 2 3"}) {
    Write("fs/cpu.max", text);
    EXPECT_EQ(Quota(), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace snapvit
