#include "server/execution_plan.h"

#include <algorithm>

#include "core/base/status_macros.h"
#include "core/engine/engine.h"

namespace snapvit {
namespace {

constexpr int kMaxBatchOfCpu = 16;
// A GPU is idle for most of a small batch.
constexpr int kMaxBatchOfGpu = 64;
constexpr absl::Duration kOrderTimeOfCpu = absl::Minutes(5);

// A batch is divided among threads by whole images: threads beyond those of the largest batch would
// share images' rows, and wait for each other at each layer. Who says how many threads a worker has
// says how much of the machine is meant.
int DefaultWorkers(const ServerOptions& options, int threads) {
  if (options.threads.has_value()) return 1;
  return std::max(1, (threads + kMaxBatchOfCpu - 1) / kMaxBatchOfCpu);
}

void PlanCpu(const ServerOptions& options, int cores, std::optional<int> default_workers,
             ExecutionPlan& plan) {
  // Compute and decode threads share the cores out: decoding is an eighth of the work, or less.
  plan.decode_threads = std::max(1, cores / 8);
  const int threads = std::max(1, cores - plan.decode_threads);
  plan.workers =
      options.workers.value_or(default_workers.value_or(DefaultWorkers(options, threads)));
  plan.threads = options.threads.value_or(std::max(1, threads / plan.workers));
  plan.max_batch = kMaxBatchOfCpu;
  plan.order_time = options.order_time.value_or(kOrderTimeOfCpu);
}

void PlanGpu(const ServerOptions& options, int cores, ExecutionPlan& plan) {
  // While one worker's batch computes, another's pixels and results are on their way.
  plan.workers = options.workers.value_or(2);
  plan.threads = options.threads.value_or(1);
  plan.decode_threads = std::max(1, cores - plan.workers * plan.threads);
  plan.max_batch = kMaxBatchOfGpu;
  plan.order_time = options.order_time.value_or(absl::InfiniteDuration());
}

}  // namespace

absl::StatusOr<ExecutionPlan> PlanExecution(const ServerOptions& options,
                                            const std::optional<SimulatedProfile>& profile,
                                            const CudaModuleSearch& search, int cores) {
  if (cores == 0) cores = AvailableCores();
  ExecutionPlan plan;
  if (profile.has_value()) {
    PlanCpu(options, cores, profile->workers.value_or(1), plan);
    plan.device_name = "simulated";
    return plan;
  }
  ASSIGN_OR_RETURN(plan.device, OpenDevice(options.device, search));
  plan.device_name = plan.device.device.ToString();
  if (plan.device.device.kind == Device::Kind::kCuda) {
    PlanGpu(options, cores, plan);
  } else {
    PlanCpu(options, cores, std::nullopt, plan);
  }
  return plan;
}

void LogDevice(const OpenedDevice& opened, const Logger& log) {
  if (!opened.module.has_value()) {
    if (!opened.why_cpu.empty()) {
      log.Info("device", {{"device", "cpu"}, {"why_no_gpu", opened.why_cpu}});
    }
    return;
  }
  LogFields fields = {{"device", opened.device.ToString()}, {"name", opened.name}};
  const auto memory = opened.module->DeviceMemory(opened.device.index);
  if (memory.ok()) fields.push_back({"free_mib", memory->free_bytes >> 20});
  if (!opened.module->has_kernels()) {
    fields.push_back({"effect", "built without nvcc: LibTorch's kernels alone, slower"});
  }
  log.Info("device", fields);
}

}  // namespace snapvit
