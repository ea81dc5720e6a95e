// DeviceWatch: whether the device that batches are computed on still answers.
#ifndef SNAPVIT_SERVER_DEVICE_WATCH_H_
#define SNAPVIT_SERVER_DEVICE_WATCH_H_

#include <span>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/device/open_device.h"

namespace snapvit {

// Some errors of a GPU (an illegal access, broken memory, a GPU that is gone) end its use for the
// whole process: all that follows fails, quickly, which to a balancer looks like the quickest of
// all servers. Thread-safe.
class DeviceWatch {
 public:
  explicit DeviceWatch(OpenedDevice device) : device_(std::move(device)) {}

  // What a batch that has just run came to: if something failed inside, the GPU is asked whether it
  // still answers. Call on the thread that computed.
  void Note(std::span<const absl::Status> statuses) ABSL_LOCKS_EXCLUDED(mu_);

  // INTERNAL with CUDA's words once it has not answered. A CPU always does.
  absl::Status failure() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const OpenedDevice device_;
  mutable absl::Mutex mu_;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_DEVICE_WATCH_H_
