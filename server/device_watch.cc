#include "server/device_watch.h"

#include <algorithm>

namespace snapvit {

void DeviceWatch::Note(std::span<const absl::Status> statuses) {
  if (!device_.module.has_value()) return;
  if (std::none_of(statuses.begin(), statuses.end(), absl::IsInternal)) return;
  const absl::Status answer = device_.module->Synchronize(device_.device.index);
  absl::MutexLock lock(&mu_);
  failure_.Update(answer);
}

absl::Status DeviceWatch::failure() const {
  absl::MutexLock lock(&mu_);
  return failure_;
}

}  // namespace snapvit
