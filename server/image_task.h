// ImageTask: one image of a request on its way through the scheduler: decode, compute, done.
#ifndef SNAPVIT_SERVER_IMAGE_TASK_H_
#define SNAPVIT_SERVER_IMAGE_TASK_H_

#include <atomic>
#include <memory>
#include <vector>

#include "core/engine/engine.h"
#include "core/scheduling/task.h"
#include "server/image_input.h"
#include "server/served_model.h"

namespace snapvit {

// The scheduler's contract orders the calls (task.h), so there is no lock here.
class ImageTask final : public Task {
 public:
  // Told of each task's end, on any thread.
  class Owner {
   public:
    virtual ~Owner() = default;
    // Whether nobody waits for the result any more. Cheap, takes no locks.
    virtual bool Cancelled() const = 0;
    // The last that the scheduler does with the task.
    virtual void TaskDone() = 0;
  };

  // `limits` and `owner` are borrowed and outlive the task.
  ImageTask(TaskSpec spec, ImageInput input, const ImageLimits* limits, Owner* owner)
      : Task(std::move(spec)), input_(std::move(input)), limits_(limits), owner_(owner) {
    item_.pixels = input_.values;
  }

  absl::Status Prepare() override;
  bool Cancelled() const override { return owner_->Cancelled(); }
  void Done(const absl::Status& status, const Execution& execution) override;

  // What the backend works on: its inputs before compute, its results after.
  EngineItem& item() { return item_; }
  const EngineItem& item() const { return item_; }

  // After TaskDone().
  const absl::Status& status() const { return status_; }
  const Execution& execution() const { return execution_; }
  // Whether the failure is the image's own: it could not be decoded or preprocessed.
  bool image_fault() const { return image_fault_; }

 private:
  ImageInput input_;
  const ImageLimits* const limits_;
  Owner* const owner_;
  EngineItem item_;
  absl::Status status_;
  Execution execution_;
  bool image_fault_ = false;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_IMAGE_TASK_H_
