#include "client/cli/device_flag.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "core/base/status_macros.h"

namespace snapvit::cli {

CLI::Option* AddDeviceFlag(CLI::App& verb, std::string& device) {
  return verb
      .add_option("--device", device,
                  "Where to compute: auto, cpu, cuda or cuda:N; auto: the first GPU, else the CPU")
      ->type_name("DEVICE")
      ->capture_default_str();
}

absl::StatusOr<OpenedDevice> OpenDeviceFlag(const std::string& device) {
  ASSIGN_OR_RETURN(const DeviceRequest request, ParseDeviceRequest(device));
  ASSIGN_OR_RETURN(OpenedDevice opened, OpenDevice(request));
  if (opened.module.has_value()) {
    ASSIGN_OR_RETURN(const CudaModule::Memory memory,
                     opened.module->DeviceMemory(opened.device.index));
    constexpr double kGiB = 1 << 30;
    std::fprintf(stderr, "%s: %s, %.1f of %.1f GiB free\n", opened.device.ToString().c_str(),
                 opened.name.c_str(), static_cast<double>(memory.free_bytes) / kGiB,
                 static_cast<double>(memory.total_bytes) / kGiB);
  } else if (!opened.why_cpu.empty()) {
    std::fprintf(stderr, "computing on the CPU: %s\n", opened.why_cpu.c_str());
  }
  return opened;
}

}  // namespace snapvit::cli
