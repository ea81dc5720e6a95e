// Device: where tensors live and are computed with, as a plain value, and the text that asks for
// one. Opening a device is open_device.h's business.
#ifndef SNAPVIT_CORE_DEVICE_DEVICE_H_
#define SNAPVIT_CORE_DEVICE_DEVICE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace snapvit {

struct Device {
  enum class Kind { kCpu, kCuda };

  Kind kind = Kind::kCpu;
  int index = 0;  // of the GPU, as CUDA_VISIBLE_DEVICES leaves them; 0 for the CPU

  // "cpu" or "cuda:N".
  std::string ToString() const;

  bool operator==(const Device&) const = default;
};

// What a user asks for.
struct DeviceRequest {
  enum class Kind {
    kAuto,  // the first GPU if there is a usable one, else the CPU
    kCpu,
    kCuda,  // the GPU `index`, or an error
  };

  Kind kind = Kind::kAuto;
  int index = 0;

  bool operator==(const DeviceRequest&) const = default;
};

// "auto", "cpu", "cuda" (the first GPU) or "cuda:N" with 0 ≤ N < 128. INVALID_ARGUMENT, saying what
// is expected, for anything else.
absl::StatusOr<DeviceRequest> ParseDeviceRequest(std::string_view text);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_DEVICE_DEVICE_H_
