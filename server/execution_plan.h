// ExecutionPlan: where the engine computes and how much at a time: what the options leave open is
// decided by the device.
#ifndef SNAPVIT_SERVER_EXECUTION_PLAN_H_
#define SNAPVIT_SERVER_EXECUTION_PLAN_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/device/open_device.h"
#include "server/log.h"
#include "server/options.h"
#include "server/simulated_profile.h"

namespace snapvit {

struct ExecutionPlan {
  OpenedDevice device;      // the CPU, for a simulated engine
  std::string device_name;  // "cpu", "cuda:N" or "simulated"
  int workers = 1;          // batches computed at the same time
  int threads = 1;          // compute threads of each worker
  int decode_threads = 1;
  int max_batch = 1;  // images computed together
  absl::Duration order_time;
};

// Opens the device: call before the first computation of the process. OpenDevice's errors. `cores`:
// to be shared out; 0: AvailableCores().
absl::StatusOr<ExecutionPlan> PlanExecution(
    const ServerOptions& options, const std::optional<SimulatedProfile>& profile,
    const CudaModuleSearch& search = CudaModuleSearch::OfProcess(), int cores = 0);

// Says which GPU it is and how much of it is free, or why there is none; nothing of a CPU that was
// asked for.
void LogDevice(const OpenedDevice& opened, const Logger& log);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_EXECUTION_PLAN_H_
