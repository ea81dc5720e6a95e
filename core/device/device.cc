#include "core/device/device.h"

#include <charconv>
#include <optional>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

constexpr std::string_view kCudaPrefix = "cuda:";
constexpr int kMaxDevices = 128;  // ATen counts devices in an int8_t

// Digits alone: no sign, no space, nothing behind them.
std::optional<int> ParseIndex(std::string_view text) {
  int index = -1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, index);
  if (error != std::errc() || rest != end || index < 0 || index >= kMaxDevices) return std::nullopt;
  return index;
}

}  // namespace

std::string Device::ToString() const {
  return kind == Kind::kCpu ? "cpu" : std::string(kCudaPrefix) + std::to_string(index);
}

absl::StatusOr<DeviceRequest> ParseDeviceRequest(std::string_view text) {
  if (text == "auto") return DeviceRequest{DeviceRequest::Kind::kAuto};
  if (text == "cpu") return DeviceRequest{DeviceRequest::Kind::kCpu};
  if (text == "cuda") return DeviceRequest{DeviceRequest::Kind::kCuda, 0};
  if (text.substr(0, kCudaPrefix.size()) == kCudaPrefix) {
    if (const std::optional<int> index = ParseIndex(text.substr(kCudaPrefix.size()))) {
      return DeviceRequest{DeviceRequest::Kind::kCuda, *index};
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("device is '", std::string(text),
                   "', expected auto, cpu, cuda or cuda:N with N from 0 to ", kMaxDevices - 1));
}

}  // namespace snapvit
