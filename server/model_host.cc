#include "server/model_host.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "server/served_model_builder.h"

namespace snapvit {
namespace {

constexpr absl::Duration kProgressLogPeriod = absl::Seconds(5);
constexpr absl::Duration kFastWarmup = absl::Seconds(10);
constexpr int kFastWarmupRungs = 4;
constexpr int kBackgroundNiceness = 10;

const char* DtypeName(ExecutionDtype dtype) {
  return dtype == ExecutionDtype::kBFloat16 ? "bf16" : "fp32";
}

// `count` rungs from the smallest to dense, evenly spread; all if there are no more.
std::vector<int> SpreadRungs(int rungs, int count) {
  std::vector<int> spread;
  for (int i = 0; i < count; ++i) spread.push_back(i * (rungs - 1) / (count - 1));
  spread.erase(std::unique(spread.begin(), spread.end()), spread.end());
  return spread;
}

// Lets this thread, and those that it starts to compute, yield to the engine's workers.
void YieldToOthers() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kBackgroundNiceness);
}

}  // namespace

ProgressFn ModelHost::Progress(Phase phase) {
  const Clock* clock = Clock::Monotonic();
  return [this, phase, clock, start = clock->Now(),
          logged = clock->Now()](const ProgressUpdate& update) mutable {
    state_.SetPhase(phase, update.fraction);
    const absl::Time now = clock->Now();
    if (now - logged >= kProgressLogPeriod) {
      logged = now;
      log_.Info("progress", {{"phase", PhaseName(phase)},
                             {"step", update.stage},
                             {"percent", static_cast<int>(100 * update.fraction)},
                             {"elapsed_s", absl::ToInt64Seconds(now - start)}});
    }
    return !stopped_;
  };
}

absl::Status ModelHost::Load() {
  state_.SetPhase(Phase::kLoading, 0);
  {
    // The loader maps the checkpoint: it goes before the server is called ready.
    ASSIGN_OR_RETURN(const std::unique_ptr<ElasticLoader> loader,
                     ElasticLoader::Create(options_.loader));
    ASSIGN_OR_RETURN(std::optional<Ordering> ordering, GetOrdering(*loader));
    RETURN_IF_ERROR(Serve(*loader, std::move(ordering)));
  }
  malloc_trim(0);  // what loading and ordering have freed
  state_.SetPhase(Phase::kReady, 1);
  const ServedModel& model = *state_.Get().model;
  log_.Info("model_ready", {{"model", model.name},
                            {"ordering", model.ordering_id},
                            {"rungs", model.ladder.size()},
                            {"smallest_compute", model.ladder.rung(0).compute},
                            {"floor_compute", model.ladder.rung(model.floor_rung).compute},
                            {"dtype", DtypeName(model.dtype)}});
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Ordering>> ModelHost::GetOrdering(const ElasticLoader& loader) {
  std::string ignored;
  ASSIGN_OR_RETURN(std::optional<Ordering> ordering, loader.FindOrdering(&ignored));
  if (!ignored.empty()) log_.Warning("ordering_ignored", {{"reason", ignored}});
  if (ordering.has_value()) return ordering;
  switch (options_.order_at_start) {
    case OrderAtStart::kNever:
      log_.Warning("no_ordering", {{"effect", "only the dense model is served"},
                                   {"remedy", "--order-at-start wait or background"}});
      return ordering;
    case OrderAtStart::kBackground:
      RETURN_IF_ERROR(Serve(loader, std::nullopt));
      YieldToOthers();
      break;
    case OrderAtStart::kWait:
      break;
  }
  return ComputeOrdering(loader);
}

absl::StatusOr<std::optional<Ordering>> ModelHost::ComputeOrdering(const ElasticLoader& loader) {
  log_.Info("ordering_started", {{"model", loader.model_name()},
                                 {"calibration", options_.loader.calibration},
                                 {"at_most_s", absl::ToDoubleSeconds(options_.loader.order_time)}});
  const absl::Time start = Clock::Monotonic()->Now();
  ASSIGN_OR_RETURN(ComputedOrdering computed, loader.Compute(Progress(Phase::kOrdering)));
  if (!computed.cache_warning.empty()) {
    log_.Warning("ordering_not_cached", {{"reason", computed.cache_warning},
                                         {"effect", "the next start computes it again"}});
  }
  log_.Info("ordering_done",
            {{"ordering", computed.ordering.Id()},
             {"file", computed.path},
             {"calibration", computed.ordering.calibration_source},
             {"seconds", absl::ToDoubleSeconds(Clock::Monotonic()->Now() - start)}});
  return std::optional<Ordering>(std::move(computed.ordering));
}

absl::Status ModelHost::Serve(const ElasticLoader& loader, std::optional<Ordering> ordering) {
  ASSIGN_OR_RETURN(std::shared_ptr<const ElasticModel> model, loader.Load(std::move(ordering)));
  ASSIGN_OR_RETURN(const std::vector<ProfileCell> cells, WarmUp(model));
  ASSIGN_OR_RETURN(std::shared_ptr<const ServedModel> served,
                   BuildServedModel(std::move(model), ++generation_, options_.floor, cells));
  std::vector<Metrics::LadderRung> rungs;
  for (const Rung& rung : served->ladder.rungs()) rungs.push_back({rung.compute, rung.fidelity});
  metrics_.SetLadder(rungs);
  state_.SetModel(std::move(served));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ProfileCell>> ModelHost::WarmUp(
    std::shared_ptr<const ElasticModel> model) {
  // From here on this thread computes with as many threads as a worker does; an ordering that is
  // waited for has had the whole machine.
  engine_.StartWorker(0);
  if (options_.warmup == WarmupMode::kOff) return std::vector<ProfileCell>();
  ProfileOptions profile;
  profile.batches = {1, 2, 4, 8, 16};
  if (options_.warmup == WarmupMode::kFast) {
    profile.rungs = SpreadRungs(model->ladder().size(), kFastWarmupRungs);
    profile.batches = {1, 4, 16};
    profile.repetitions = 3;
    profile.time_limit = kFastWarmup;
  }
  return ProfileEngine(engine_, std::move(model), profile, Progress(Phase::kWarming));
}

}  // namespace snapvit
