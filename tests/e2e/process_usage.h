// ProcessUsage: what a process holds, as the kernel counts it.
#ifndef SNAPVIT_TESTS_E2E_PROCESS_USAGE_H_
#define SNAPVIT_TESTS_E2E_PROCESS_USAGE_H_

#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace snapvit {

struct ProcessUsage {
  long resident_kb = 0;
  int descriptors = 0;
  int threads = 0;
};

// REQUIRES: `pid` is a live process of ours.
inline ProcessUsage UsageOf(pid_t pid) {
  ProcessUsage usage;
  const std::filesystem::path folder = "/proc/" + std::to_string(pid);
  std::ifstream status(folder / "status");
  for (std::string line; std::getline(status, line);) {
    const std::string value = line.substr(line.find(':') + 1);
    if (line.starts_with("VmRSS:")) usage.resident_kb = std::stol(value);
    if (line.starts_with("Threads:")) usage.threads = std::stoi(value);
  }
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder / "fd")) {
    ++usage.descriptors;
  }
  return usage;
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_E2E_PROCESS_USAGE_H_
