// EngineBackend: the scheduler's Backend over the engine.
#ifndef SNAPVIT_SERVER_ENGINE_BACKEND_H_
#define SNAPVIT_SERVER_ENGINE_BACKEND_H_

#include <span>

#include "core/engine/engine.h"
#include "core/scheduling/backend.h"
#include "server/device_watch.h"

namespace snapvit {

// Thread-safe as Backend asks. Every task that it gets must be an ImageTask.
class EngineBackend final : public Backend {
 public:
  // The pointers are borrowed.
  EngineBackend(const Engine* engine, DeviceWatch* watch) : engine_(*engine), watch_(*watch) {}

  void Run(int worker, std::span<const Assignment> batch,
           std::span<absl::Status> statuses) override;

 private:
  const Engine& engine_;
  DeviceWatch& watch_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ENGINE_BACKEND_H_
