#include "server/real_engine.h"

#include <utility>

#include "core/base/status_macros.h"

namespace snapvit {

absl::StatusOr<std::unique_ptr<RealEngine>> RealEngine::Create(const Engine::Options& engine,
                                                               ModelHost::Options model,
                                                               ServingState* state,
                                                               Metrics* metrics,
                                                               const Logger* log) {
  ASSIGN_OR_RETURN(std::unique_ptr<Engine> created, Engine::Create(engine));
  return std::unique_ptr<RealEngine>(
      new RealEngine(std::move(created), std::move(model), state, metrics, log));
}

RealEngine::RealEngine(std::unique_ptr<Engine> engine, ModelHost::Options model,
                       ServingState* state, Metrics* metrics, const Logger* log)
    : engine_(std::move(engine)),
      watch_(model.loader.device),
      backend_(engine_.get(), &watch_),
      model_(std::move(model), engine_.get(), state, metrics, log) {}

}  // namespace snapvit
