#include "server/image_task.h"

#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace snapvit {
namespace {

// Memory that is short fails the image, not the process.
absl::Status PrepareInMemory(ImageInput& input, const ImageLimits& limits) {
  try {
    return PrepareImage(input, limits, input.values);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the pixels of the image");
  }
}

}  // namespace

absl::Status ImageTask::Prepare() {
  const absl::Status status = PrepareInMemory(input_, *limits_);
  image_fault_ = !status.ok();
  item_.pixels = input_.values;
  return status;
}

void ImageTask::Done(const absl::Status& status, const Execution& execution) {
  status_ = status;
  execution_ = execution;
  // These are not needed any more, while the request may wait for its other images.
  item_.pixels = {};
  std::vector<float>().swap(input_.values);
  std::string().swap(input_.bytes);
  owner_->TaskDone();
}

}  // namespace snapvit
