// CpuQuota: how much CPU time the process's control group may use, which its affinity does not
// show.
#ifndef SNAPVIT_CORE_BASE_CPU_QUOTA_H_
#define SNAPVIT_CORE_BASE_CPU_QUOTA_H_

#include <optional>
#include <string>

namespace snapvit {

// CPUs, by the smallest limit of the group and those that it is in (`docker run --cpus`, Kubernetes
// limits, systemd's CPUQuota): cpu.max of version 2, cpu.cfs_quota_us of version 1. Empty without a
// limit, or where there are no control groups. The arguments are for tests.
std::optional<double> CpuQuota(const std::string& groups_of_process = "/proc/self/cgroup",
                               const std::string& groups = "/sys/fs/cgroup");

}  // namespace snapvit

#endif  // SNAPVIT_CORE_BASE_CPU_QUOTA_H_
