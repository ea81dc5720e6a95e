// ComputeThread: the one thread of a local verb that calls into LibTorch. The engine pins it and
// sets its number of OpenMP threads, which must not happen to the main thread.
#ifndef SNAPVIT_CLIENT_CLI_COMPUTE_THREAD_H_
#define SNAPVIT_CLIENT_CLI_COMPUTE_THREAD_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/engine/engine.h"

namespace snapvit::cli {

// Run() may be called from one other thread at a time.
class ComputeThread {
 public:
  // An engine with one worker of `threads` compute threads (0: all cores), and that worker's
  // thread.
  static absl::StatusOr<std::unique_ptr<ComputeThread>> Create(int threads);
  ~ComputeThread();

  // Runs `work` on the thread, waits for it and gives its result.
  template <typename Work>
  auto Run(const Work& work) {
    decltype(work()) result;
    RunAndWait([&] { result = work(); });
    return result;
  }

  const Engine& engine() const { return *engine_; }

 private:
  explicit ComputeThread(std::unique_ptr<Engine> engine);
  void RunAndWait(const std::function<void()>& work) ABSL_LOCKS_EXCLUDED(mutex_);
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::unique_ptr<Engine> engine_;
  absl::Mutex mutex_;
  const std::function<void()>* work_ ABSL_GUARDED_BY(mutex_) = nullptr;  // null once it is done
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_COMPUTE_THREAD_H_
