#include "server/inference_job.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

// `status` with the image it is about in front of its message; reasons stay.
absl::Status OfImage(size_t image, const absl::Status& status) {
  absl::Status named(status.code(), absl::StrCat("images[", image, "]: ", status.message()));
  status.ForEachPayload([&named](absl::string_view type, const absl::Cord& payload) {
    named.SetPayload(type, payload);
  });
  return named;
}

}  // namespace

InferenceJob::InferenceJob(Options options)
    : options_(std::move(options)), limits_{options_.max_pixels, options_.model->preprocessing} {}

std::unique_ptr<ImageTask> InferenceJob::MakeTask(ImageInput input) {
  TaskSpec spec;
  spec.tenant = options_.tenant;
  spec.floor = options_.rungs.floor;
  spec.wanted = options_.rungs.wanted;
  spec.ladder = options_.model->generation;
  spec.latency = options_.model->latency;
  spec.hard_deadline = options_.hard_deadline;
  spec.soft_deadline = options_.soft_deadline;
  // All that is held of an image while it waits: its message has given up its bytes.
  spec.bytes = input.bytes.size();
  spec.prepared_bytes = limits_.input_values() * sizeof(float);
  spec.needs_preparation = input.needs_preparation();
  auto task = std::make_unique<ImageTask>(std::move(spec), std::move(input), &limits_, this);
  task->item().model = options_.model->engine_model;
  task->item().embedding = options_.embedding;
  task->item().logits = options_.logits;
  return task;
}

absl::Status InferenceJob::Start(google::protobuf::RepeatedPtrField<v1::Image>& images,
                                 Executor* executor, std::function<void()> on_done) {
  on_done_ = std::move(on_done);
  absl::Status status = MakeTasks(images);
  pending_ = tasks_.size() + 1;
  if (status.ok() && !tasks_.empty()) status = executor->Submit(Request());
  if (!status.ok()) {
    // Nobody counts their bytes, and the client may take its time for the error.
    tasks_.clear();
    return status;
  }
  TaskDone();  // gives up Start()'s own place; the job may be gone afterwards
  return absl::OkStatus();
}

absl::Status InferenceJob::MakeTasks(google::protobuf::RepeatedPtrField<v1::Image>& images) {
  outcomes_.resize(images.size());
  for (int i = 0; i < images.size(); ++i) {
    absl::StatusOr<ImageInput> input = ReadImageInput(images[i], limits_);
    if (!input.ok()) {
      outcomes_[i] = {OfImage(i, input.status()), /*image_fault=*/true, nullptr};
      if (options_.image_faults == ImageFaults::kOfAll) return outcomes_[i].status;
      continue;
    }
    tasks_.push_back(MakeTask(*std::move(input)));
    task_images_.push_back(i);
  }
  return absl::OkStatus();
}

std::vector<Task*> InferenceJob::Request() const {
  std::vector<Task*> request;
  for (const auto& task : tasks_) request.push_back(task.get());
  return request;
}

void InferenceJob::Cancel(Executor* executor) {
  cancelled_ = true;
  if (!tasks_.empty()) executor->Cancel(Request());
}

void InferenceJob::TaskDone() {
  if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  CollectOutcomes();
  const std::function<void()> on_done = std::move(on_done_);
  on_done();
}

void InferenceJob::CollectOutcomes() {
  for (size_t i = 0; i < tasks_.size(); ++i) {
    const ImageTask& task = *tasks_[i];
    const size_t image = task_images_[i];
    const absl::Status status = task.status().ok() ? task.status() : OfImage(image, task.status());
    outcomes_[image] = {status, task.image_fault(), &task};
  }
}

absl::Status InferenceJob::RequestFault() const {
  const bool apart = options_.image_faults == ImageFaults::kApart;
  absl::Status fault;
  for (const Outcome& outcome : outcomes_) {
    if (outcome.status.ok() && apart) return absl::OkStatus();
    if (apart && outcome.image_fault) continue;
    if (fault.ok()) fault = outcome.status;
  }
  return fault;
}

}  // namespace snapvit
