// OpenDevice: from what a user asked for to a device that can be computed on.
#ifndef SNAPVIT_CORE_DEVICE_OPEN_DEVICE_H_
#define SNAPVIT_CORE_DEVICE_OPEN_DEVICE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/device/cuda_module.h"
#include "core/device/device.h"

namespace snapvit {

struct OpenedDevice {
  Device device;
  std::string name;                  // of the GPU, for people; empty for the CPU
  std::optional<CudaModule> module;  // of a CUDA device
  // With DeviceRequest::kAuto on the CPU: why no GPU is used. Empty otherwise. Tell the user once.
  std::string why_cpu;
};

// The CPU needs nothing and loads nothing. For a GPU the module is found and loaded. Errors say
// which step failed: NOT_FOUND if there is no module, or no GPU of this index (listing those that
// there are); FAILED_PRECONDITION if the module cannot be loaded or there is no GPU. With kAuto
// none of these is an error: the device is then the CPU. Call before the first computation of the
// process (CudaModule::Load).
absl::StatusOr<OpenedDevice> OpenDevice(
    const DeviceRequest& request, const CudaModuleSearch& search = CudaModuleSearch::OfProcess());

}  // namespace snapvit

#endif  // SNAPVIT_CORE_DEVICE_OPEN_DEVICE_H_
