#include "server/image_task.h"

#include <utility>

namespace snapvit {

absl::Status ImageTask::Prepare() {
  const absl::Status status = PrepareImage(input_, *limits_, input_.values);
  image_fault_ = !status.ok();
  item_.pixels = input_.values;
  return status;
}

void ImageTask::Done(const absl::Status& status, const Execution& execution) {
  status_ = status;
  execution_ = execution;
  // The pixels are not needed any more, while the request may wait for its other images.
  item_.pixels = {};
  std::vector<float>().swap(input_.values);
  owner_->TaskDone();
}

}  // namespace snapvit
