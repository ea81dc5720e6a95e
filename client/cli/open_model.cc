#include "client/cli/open_model.h"

#include <cstdio>
#include <utility>

#include "client/cli/delayed_progress.h"
#include "client/cli/uniform_ordering.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

void Warn(const std::string& text) { std::fprintf(stderr, "warning: %s\n", text.c_str()); }

absl::StatusOr<std::optional<Ordering>> FindOrCompute(const ElasticLoader& loader,
                                                      OrderingNeed need) {
  if (need == OrderingNeed::kNone) return std::nullopt;
  std::string ignored;
  ASSIGN_OR_RETURN(std::optional<Ordering> found, loader.FindOrdering(&ignored));
  if (!ignored.empty()) Warn("ordering ignored: " + ignored);
  if (need == OrderingNeed::kIfThere) return found;
  if (need == OrderingNeed::kOrUniform) return found ? found : UniformOrdering(loader.config());
  // One that ran out of time is good enough for a command that somebody waits for: the server goes
  // on with it, or `snapvit order` makes a whole one.
  if (found.has_value() && (!loader.NeedsCompletion(*found) || loader.IsUnfinished(*found))) {
    return found;
  }
  ASSIGN_OR_RETURN(
      ComputedOrdering computed,
      found ? loader.Complete(*found, DelayedProgress("corrections and fidelity of the ordering"))
            : loader.Compute(DelayedProgress("ordering")));
  if (!computed.cache_warning.empty()) Warn("ordering not cached: " + computed.cache_warning);
  return std::move(computed.ordering);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ElasticModel>> OpenModel(const ElasticLoaderOptions& options,
                                                              OrderingNeed need,
                                                              ComputeThread& compute) {
  return compute.Run([&]() -> absl::StatusOr<std::shared_ptr<const ElasticModel>> {
    ASSIGN_OR_RETURN(const std::unique_ptr<ElasticLoader> loader, ElasticLoader::Create(options));
    ASSIGN_OR_RETURN(std::optional<Ordering> ordering, FindOrCompute(*loader, need));
    return loader->Load(std::move(ordering));
  });
}

}  // namespace snapvit::cli
