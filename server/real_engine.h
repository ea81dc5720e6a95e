// RealEngine: an EngineHost that computes with the weights of a checkpoint.
#ifndef SNAPVIT_SERVER_REAL_ENGINE_H_
#define SNAPVIT_SERVER_REAL_ENGINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "server/device_watch.h"
#include "server/engine_backend.h"
#include "server/engine_host.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/model_host.h"
#include "server/serving_state.h"

namespace snapvit {

class RealEngine final : public EngineHost {
 public:
  // The pointers are borrowed. Engine::Create's errors.
  static absl::StatusOr<std::unique_ptr<RealEngine>> Create(const Engine::Options& engine,
                                                            ModelHost::Options model,
                                                            ServingState* state, Metrics* metrics,
                                                            const Logger* log);

  Backend* backend() override { return &backend_; }
  void StartWorker(int worker) override { engine_->StartWorker(worker); }
  absl::Status Run() override { return model_.Run(); }
  void ReloadOrdering(const std::string& path, OrderingDone done) override {
    model_.ReloadOrdering(path, std::move(done));
  }
  void Stop() override { model_.Stop(); }
  absl::Status DeviceFailure() const override { return watch_.failure(); }

 private:
  RealEngine(std::unique_ptr<Engine> engine, ModelHost::Options model, ServingState* state,
             Metrics* metrics, const Logger* log);

  const std::unique_ptr<Engine> engine_;
  DeviceWatch watch_;
  EngineBackend backend_;
  ModelHost model_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_REAL_ENGINE_H_
