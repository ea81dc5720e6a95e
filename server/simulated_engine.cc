#include "server/simulated_engine.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/model_floor.h"

namespace snapvit {
namespace {

// Shapes that nothing computes with, but that descriptions show.
VitConfig Config(const SimulatedProfile& profile) {
  VitConfig config;
  config.architecture = "simulated";
  config.image_height = profile.height;
  config.image_width = profile.width;
  config.patch_size = std::min(profile.height, profile.width);
  config.embed_dim = profile.embedding_size;
  config.depth = 1;
  config.num_heads = 1;
  config.head_dim = profile.embedding_size;
  config.mlp_hidden = 1;
  config.num_classes = profile.classes;
  return config;
}

PoolingSupport Pooling(EmbeddingKind kind) {
  PoolingSupport support;
  if (kind == EmbeddingKind::kPatches || kind == EmbeddingKind::kProjected) {
    support.status = absl::FailedPreconditionError(
        "a simulated engine has neither patches nor a projection: output.pooling is one of them");
  }
  support.space_id = [kind](int dimensions) {
    return absl::StrCat("simulated-", static_cast<int>(kind), "-", dimensions);
  };
  return support;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ServedModel>> MakeSimulatedModel(
    const SimulatedProfile& profile, const std::string& name,
    const std::optional<FloorTarget>& floor) {
  auto model = std::make_shared<ServedModel>(Config(profile), profile.ladder);
  model->name = name;
  model->generation = 1;
  model->preprocessing.height = profile.height;
  model->preprocessing.width = profile.width;
  model->device = "simulated";
  model->ordering_id = "simulated";
  model->calibration_source = "a profile: nothing is computed";
  ASSIGN_OR_RETURN(model->floor_rung, ModelFloorRung(profile.ladder, floor));
  model->latency = std::make_shared<const LatencyTable>(profile.latency);
  model->measured = profile.measured;
  for (size_t i = 0; i < model->poolings.size(); ++i) {
    const auto first = static_cast<size_t>(EmbeddingKind::kDefault);
    model->poolings[i] = Pooling(static_cast<EmbeddingKind>(first + i));
  }
  return std::shared_ptr<const ServedModel>(std::move(model));
}

SimulatedEngine::SimulatedEngine(const SimulatedProfile& profile, int workers,
                                 std::optional<FloorTarget> floor, ServingState* state,
                                 Metrics* metrics, const Logger* log)
    : profile_(profile),
      floor_(floor),
      state_(*state),
      metrics_(*metrics),
      log_(*log),
      backend_({.latency = profile.latency,
                .workers = workers,
                .embedding_size = profile.embedding_size,
                .classes = profile.classes,
                .jitter = profile.jitter,
                .last_worker_stops_after = profile.last_worker_stops_after}) {}

void SimulatedEngine::ReloadOrdering(const std::string&, OrderingDone done) {
  done(absl::FailedPreconditionError(
      "a simulated engine has the ladder of its profile, and no ordering to replace"));
}

absl::Status SimulatedEngine::Run() {
  ASSIGN_OR_RETURN(std::shared_ptr<const ServedModel> model,
                   MakeSimulatedModel(profile_, state_.model_name(), floor_));
  std::vector<Metrics::LadderRung> rungs;
  for (const Rung& rung : model->ladder.rungs()) rungs.push_back({rung.compute, rung.fidelity});
  metrics_.SetLadder(rungs);
  log_.Warning("engine_simulated", {{"model", model->name},
                                    {"rungs", model->ladder.size()},
                                    {"effect", "results mean nothing, times are the profile's"}});
  state_.SetModel(std::move(model));
  state_.SetPhase(Phase::kReady, 1);
  return absl::OkStatus();
}

}  // namespace snapvit
