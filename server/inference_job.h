// InferenceJob: the images of one request between validation and reply. It admits all of them or
// none, and calls back once when the last has ended.
#ifndef SNAPVIT_SERVER_INFERENCE_JOB_H_
#define SNAPVIT_SERVER_INFERENCE_JOB_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/elastic/rung_interval.h"
#include "core/scheduling/executor.h"
#include "server/image_input.h"
#include "server/image_task.h"
#include "server/served_model.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit {

// Thread-safe as far as the scheduler calls it; Start() and then Cancel() come from the call that
// owns it.
class InferenceJob final : public ImageTask::Owner {
 public:
  // What a fault of one image's own means for the others.
  enum class ImageFaults {
    kApart,  // nothing
    kOfAll,  // the request fails with it
  };

  struct Options {
    std::shared_ptr<const ServedModel> model;
    RungInterval rungs;  // of the model's ladder
    int tenant = 0;
    absl::Time hard_deadline = absl::InfiniteFuture();
    absl::Time soft_deadline = absl::InfiniteFuture();
    EmbeddingKind embedding = EmbeddingKind::kNone;
    bool logits = false;
    size_t max_pixels = 0;
    ImageFaults image_faults = ImageFaults::kApart;
  };

  // What became of an image.
  struct Outcome {
    absl::Status status;       // an error names the image
    bool image_fault = false;  // the failure is the image's own, not the request's or the server's
    const ImageTask* task = nullptr;  // null if the image never got into the queue
  };

  explicit InferenceJob(Options options);

  // Submits the images, whose bytes it takes out of them: what waits is held once, as it is
  // counted. An image with a fault that its header shows is not submitted. OK: `on_done` is called
  // once, on any thread, possibly before this returns; it may destroy the job. Else the executor's
  // error or, with kOfAll, the first such fault; then `on_done` is not called, and nothing is held
  // any more.
  absl::Status Start(google::protobuf::RepeatedPtrField<v1::Image>& images, Executor* executor,
                     std::function<void()> on_done);

  // Ends what is not computed yet. The job and the executor still exist; `on_done` may be called
  // from in here.
  void Cancel(Executor* executor);

  // After on_done, or after Start() failed (then nothing has an outcome of its own but faulty
  // images).
  size_t size() const { return outcomes_.size(); }
  const Outcome& outcome(size_t image) const { return outcomes_[image]; }
  // The reason to fail the whole request: with kOfAll the first fault; else that nothing was
  // served, and not for the images' own faults.
  absl::Status RequestFault() const;

  const ServedModel& model() const { return *options_.model; }
  const RungInterval& rungs() const { return options_.rungs; }

 private:
  bool Cancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  void TaskDone() override;
  absl::Status MakeTasks(google::protobuf::RepeatedPtrField<v1::Image>& images);
  std::vector<Task*> Request() const;  // all tasks, as the scheduler takes them
  void CollectOutcomes();
  std::unique_ptr<ImageTask> MakeTask(ImageInput input);

  const Options options_;
  const ImageLimits limits_;
  std::function<void()> on_done_;
  std::atomic<bool> cancelled_ = false;
  std::vector<Outcome> outcomes_;                  // one an image
  std::vector<std::unique_ptr<ImageTask>> tasks_;  // of the images that were submitted
  std::vector<size_t> task_images_;                // index of the image of each task
  // Tasks that have not ended, and one for Start() itself.
  std::atomic<size_t> pending_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFERENCE_JOB_H_
