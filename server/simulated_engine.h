// SimulatedEngine: an EngineHost without a model: batches take the time that a profile says.
// Scheduler, tenants, metrics and receipts around it are the real ones, so that policies and
// clients are measured at the speed of machines that are not there.
#ifndef SNAPVIT_SERVER_SIMULATED_ENGINE_H_
#define SNAPVIT_SERVER_SIMULATED_ENGINE_H_

#include <memory>
#include <optional>
#include <string>

#include "core/elastic/budget.h"
#include "server/engine_host.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/served_model.h"
#include "server/serving_state.h"
#include "server/simulated_backend.h"
#include "server/simulated_profile.h"

namespace snapvit {

// The profile as a model that is served under `name`. `floor` and errors: as ModelFloorRung.
absl::StatusOr<std::shared_ptr<const ServedModel>> MakeSimulatedModel(
    const SimulatedProfile& profile, const std::string& name,
    const std::optional<FloorTarget>& floor);

class SimulatedEngine final : public EngineHost {
 public:
  // All pointers are borrowed.
  SimulatedEngine(const SimulatedProfile& profile, int workers, std::optional<FloorTarget> floor,
                  ServingState* state, Metrics* metrics, const Logger* log);

  Backend* backend() override { return &backend_; }
  void StartWorker(int worker) override { backend_.StartWorker(worker); }
  // Returns when the model is set: there is nothing that could take over.
  absl::Status Run() override;
  void ReloadOrdering(const std::string& path, OrderingDone done) override;
  void Stop() override {}

 private:
  const SimulatedProfile profile_;
  const std::optional<FloorTarget> floor_;
  ServingState& state_;
  Metrics& metrics_;
  const Logger& log_;
  SimulatedBackend backend_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SIMULATED_ENGINE_H_
