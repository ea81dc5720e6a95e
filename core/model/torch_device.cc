#include "core/model/torch_device.h"

#include <ATen/Context.h>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/torch_guard.h"
#include "core/model/vit_weights.h"

namespace snapvit {

absl::StatusOr<at::Device> TorchDevice(const Device& device) {
  return Guard([&]() -> absl::StatusOr<at::Device> {
    if (device.kind == Device::Kind::kCpu) return at::Device(at::kCPU);
    if (!at::globalContext().hasCUDA()) {
      return absl::FailedPreconditionError(
          absl::StrCat("ATen has no CUDA for ", device.ToString(),
                       ": the CUDA module was not loaded before the first computation"));
    }
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setAllowTF32CuDNN(false);
    // cuDNN's attention, ATen's first choice on Hopper, makes a plan for each shape on each thread:
    // tenths of a second for each view and batch. The others have nothing to prepare.
    at::globalContext().setSDPUseCuDNN(false);
    return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(device.index));
  });
}

absl::Status MoveWeights(const Device& device, ModelFolder& folder) {
  ASSIGN_OR_RETURN(const at::Device torch_device, TorchDevice(device));
  ASSIGN_OR_RETURN(folder.weights, To(folder.weights, torch_device));
  return absl::OkStatus();
}

}  // namespace snapvit
