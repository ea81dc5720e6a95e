// GatedEngine: a Backend of ImageTasks without a model, which can be held.
#ifndef SNAPVIT_TESTS_UNIT_SERVER_GATED_ENGINE_H_
#define SNAPVIT_TESTS_UNIT_SERVER_GATED_ENGINE_H_

#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/scheduling/backend.h"
#include "server/image_task.h"

namespace snapvit {

// An embedding is [rung, first pixel, 0, …], logits are [0, 1, 2, …]. Thread-safe.
class GatedEngine final : public Backend {
 public:
  void Run(int /*worker*/, std::span<const Assignment> batch,
           std::span<absl::Status> /*statuses*/) override {
    {
      absl::MutexLock lock(&mu_);
      computed_ += static_cast<int>(batch.size());
      last_spec_ = batch.back().task->spec();
      mu_.Await(absl::Condition(&open_));
    }
    for (const Assignment& assignment : batch) {
      Compute(static_cast<ImageTask*>(assignment.task)->item(), assignment.rung);
    }
  }

  void Close() { SetOpen(false); }
  void Open() { SetOpen(true); }

  // Images that batches were started for.
  int computed() const {
    absl::MutexLock lock(&mu_);
    return computed_;
  }
  // What the scheduler was told of the last of them.
  TaskSpec last_spec() const {
    absl::MutexLock lock(&mu_);
    return last_spec_;
  }
  void AwaitComputed(int images) const {
    const auto reached = [this, images]()
                             ABSL_SHARED_LOCKS_REQUIRED(mu_) { return computed_ >= images; };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&reached));
  }

 private:
  static constexpr int kDimensions = 16;
  static constexpr int kClasses = 4;

  static void Compute(EngineItem& item, int rung) {
    item.embedding_values.assign(kDimensions, 0);
    item.embedding_values[0] = static_cast<float>(rung);
    item.embedding_values[1] = item.pixels.empty() ? 0 : item.pixels[0];
    item.embedding_shape = {kDimensions};
    if (!item.logits) return;
    for (int i = 0; i < kClasses; ++i) item.logit_values.push_back(static_cast<float>(i));
  }

  void SetOpen(bool open) {
    absl::MutexLock lock(&mu_);
    open_ = open;
  }

  mutable absl::Mutex mu_;
  bool open_ ABSL_GUARDED_BY(mu_) = true;
  int computed_ ABSL_GUARDED_BY(mu_) = 0;
  TaskSpec last_spec_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_UNIT_SERVER_GATED_ENGINE_H_
