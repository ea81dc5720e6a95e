#include "server/engine_backend.h"

#include <vector>

#include "server/image_task.h"

namespace snapvit {

void EngineBackend::Run(int /*worker*/, std::span<const Assignment> batch,
                        std::span<absl::Status> statuses) {
  std::vector<EngineItem*> items;
  items.reserve(batch.size());
  for (const Assignment& assignment : batch) {
    EngineItem& item = static_cast<ImageTask*>(assignment.task)->item();
    item.rung = assignment.rung;
    items.push_back(&item);
  }
  engine_.Run(items, statuses);
  watch_.Note(statuses);
}

}  // namespace snapvit
