#include "core/device/open_device.h"

#include <dlfcn.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

// "cuda:0 (NVIDIA A), cuda:1 (NVIDIA B)". A GPU that does not tell its name is listed without it.
std::string ListDevices(const CudaModule& module, int count) {
  std::vector<std::string> devices;
  for (int i = 0; i < count; ++i) {
    const absl::StatusOr<std::string> name = module.DeviceName(i);
    devices.push_back(name.ok() ? absl::StrCat("cuda:", i, " (", *name, ")")
                                : absl::StrCat("cuda:", i));
  }
  return absl::StrJoin(devices, ", ");
}

// The module loads the same library: it stays.
bool HasDriver(const CudaModuleSearch& search) {
  return search.driver.empty() || dlopen(search.driver.c_str(), RTLD_LAZY) != nullptr;
}

absl::StatusOr<OpenedDevice> OpenCuda(int index, const CudaModuleSearch& search) {
  ASSIGN_OR_RETURN(const std::string path, FindCudaModule(search));
  ASSIGN_OR_RETURN(const CudaModule module, CudaModule::Load(path));
  const absl::StatusOr<int> count = module.DeviceCount();
  if (!count.ok() || *count == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "there is no usable GPU: ",
        count.ok() ? std::string("CUDA counts none") : std::string(count.status().message())));
  }
  if (index >= *count) {
    return absl::NotFoundError(absl::StrCat("there is no cuda:", index, "; there ",
                                            *count == 1 ? "is " : "are ",
                                            ListDevices(module, *count)));
  }
  ASSIGN_OR_RETURN(std::string name, module.DeviceName(index));
  return OpenedDevice{{Device::Kind::kCuda, index}, std::move(name), module, ""};
}

}  // namespace

absl::StatusOr<OpenedDevice> OpenDevice(const DeviceRequest& request,
                                        const CudaModuleSearch& search) {
  switch (request.kind) {
    case DeviceRequest::Kind::kCpu:
      return OpenedDevice();
    case DeviceRequest::Kind::kCuda:
      return OpenCuda(request.index, search);
    case DeviceRequest::Kind::kAuto:
      break;
  }
  OpenedDevice cpu;
  if (!HasDriver(search)) {
    cpu.why_cpu = "no NVIDIA driver is installed: there is no " + search.driver;
    return cpu;
  }
  absl::StatusOr<OpenedDevice> gpu = OpenCuda(/*index=*/0, search);
  if (gpu.ok()) return gpu;
  cpu.why_cpu = std::string(gpu.status().message());
  return cpu;
}

}  // namespace snapvit
