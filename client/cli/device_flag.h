// --device of the verbs that compute.
#ifndef SNAPVIT_CLIENT_CLI_DEVICE_FLAG_H_
#define SNAPVIT_CLIENT_CLI_DEVICE_FLAG_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/device/open_device.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace snapvit::cli {

// `device` must outlive `verb`; its value is the default.
CLI::Option* AddDeviceFlag(CLI::App& verb, std::string& device);

// Before anything computes. On standard error: what a GPU is called and how much of it is free, or
// why `auto` found none; nothing about "cpu".
absl::StatusOr<OpenedDevice> OpenDeviceFlag(const std::string& device);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_DEVICE_FLAG_H_
