#include "server/model_host.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"
#include "core/elastic/batch_bucket.h"
#include "core/engine/profile_cache.h"
#include "server/served_model_builder.h"

namespace snapvit {
namespace {

constexpr absl::Duration kProgressLogPeriod = absl::Seconds(5);
constexpr absl::Duration kFastWarmup = absl::Seconds(10);
constexpr int kFastWarmupRungs = 4;
constexpr int kBackgroundNiceness = 10;

// `count` rungs from the smallest to dense, evenly spread; all if there are no more.
std::vector<int> SpreadRungs(int rungs, int count) {
  std::vector<int> spread;
  for (int i = 0; i < count; ++i) spread.push_back(i * (rungs - 1) / (count - 1));
  spread.erase(std::unique(spread.begin(), spread.end()), spread.end());
  return spread;
}

// Powers of 4 up to `largest`; `all`: of 2; with `graphs` every size that there are graphs of,
// since each would else be made while somebody waits.
std::vector<int> WarmupBatches(int largest, bool all, bool graphs) {
  std::vector<int> batches;
  for (int batch = 1; batch <= largest; batch = all || graphs ? batch + 1 : 4 * batch) {
    const bool power = (batch & (batch - 1)) == 0;
    if (power || (graphs && BatchBucket(batch) == batch)) batches.push_back(batch);
  }
  return batches;
}

// What shows whether a kept profile still holds: two rungs at a batch in the middle.
ProfileOptions ToCheck(ProfileOptions options, const Ladder& ladder) {
  options.rungs = {0};
  if (ladder.dense() > 0) options.rungs.push_back(ladder.dense());
  options.batches = {options.batches[options.batches.size() / 2]};
  options.repetitions = 2;
  return options;
}

// Lets this thread, and those that it starts to compute, yield to the engine's workers.
void YieldToOthers() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kBackgroundNiceness);
}

absl::Status Closed() {
  return WithReason(
      absl::UnavailableError("the server takes no orderings over: it is shutting down"),
      kReasonDraining);
}

}  // namespace

ProgressFn ModelHost::Progress(Phase phase) {
  const Clock* clock = Clock::Monotonic();
  return [this, phase, clock, start = clock->Now(),
          logged = clock->Now()](const ProgressUpdate& update) mutable {
    if (phase != Phase::kReady) state_.SetPhase(phase, update.fraction);
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

absl::Status ModelHost::Run() {
  const absl::Status loaded = Load();
  if (loaded.ok()) ServeReloads();
  Close();
  return loaded;
}

absl::Status ModelHost::Load() {
  state_.SetPhase(Phase::kLoading, 0);
  Engine::UseAllCores();
  {
    // The loader maps the checkpoint: it goes before the server is called ready.
    ASSIGN_OR_RETURN(const std::unique_ptr<ElasticLoader> loader,
                     ElasticLoader::Create(options_.loader));
    RETURN_IF_ERROR(ServeFirst(*loader));
  }
  malloc_trim(0);  // what loading and ordering have freed
  state_.SetPhase(Phase::kReady, 1);
  const ServedModel& model = *state_.Get().model;
  log_.Info("model_ready", {{"model", model.name},
                            {"ordering", model.ordering_id},
                            {"rungs", model.ladder.size()},
                            {"smallest_compute", model.ladder.rung(0).compute},
                            {"floor_compute", model.ladder.rung(model.floor_rung).compute},
                            {"dtype", DtypeName(model.dtype)},
                            {"device", model.device},
                            {"kernels", model.kernels}});
  return absl::OkStatus();
}

absl::Status ModelHost::ServeFirst(const ElasticLoader& loader) {
  ASSIGN_OR_RETURN(std::optional<Ordering> ordering, FindOrdering(loader));
  const bool complete = ordering.has_value() && !loader.NeedsCompletion(*ordering);
  if (complete || options_.order_at_start == OrderAtStart::kNever) {
    return Serve(loader, std::move(ordering)).status();
  }
  if (options_.order_at_start == OrderAtStart::kWait) return OrderAndServe(loader, ordering);
  // One that time cut short can be served meanwhile; others lack what views are served with.
  const bool unfinished = ordering.has_value() && loader.IsUnfinished(*ordering);
  RETURN_IF_ERROR(Serve(loader, unfinished ? ordering : std::nullopt).status());
  YieldToOthers();
  const absl::Status ordered = OrderAndServe(loader, ordering);
  if (ordered.ok() || absl::IsCancelled(ordered)) return ordered;
  // The server answers requests by now: to end it would lose them, and those of every start again.
  log_.Error(
      "ordering_failed",
      {{"reason", std::string(ordered.message())},
       {"effect", unfinished ? "the ordering so far stays" : "only the dense model is served"},
       {"remedy", "Admin.ReloadOrdering, or a start with the cause mended"}});
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Ordering>> ModelHost::FindOrdering(const ElasticLoader& loader) const {
  std::string ignored;
  ASSIGN_OR_RETURN(std::optional<Ordering> ordering, loader.FindOrdering(&ignored));
  if (!ignored.empty()) log_.Warning("ordering_ignored", {{"reason", ignored}});
  const bool incomplete = ordering.has_value() && loader.NeedsCompletion(*ordering);
  if (options_.order_at_start != OrderAtStart::kNever || (ordering.has_value() && !incomplete)) {
    return ordering;
  }
  const char* effect = "only the dense model is served";
  if (incomplete) {
    effect = loader.IsUnfinished(*ordering) ? "it is what there was when its time was up"
                                            : "views are not corrected, or not measured";
  }
  log_.Warning(incomplete ? "ordering_incomplete" : "no_ordering",
               {{"effect", effect}, {"remedy", "--order-at-start wait or background"}});
  return ordering;
}

absl::Status ModelHost::OrderAndServe(const ElasticLoader& loader,
                                      const std::optional<Ordering>& incomplete) {
  ASSIGN_OR_RETURN(Ordering ordering, ComputeOrdering(loader, incomplete));
  return Serve(loader, std::move(ordering)).status();
}

absl::StatusOr<Ordering> ModelHost::ComputeOrdering(const ElasticLoader& loader,
                                                    const std::optional<Ordering>& incomplete) {
  log_.Info("ordering_started", {{"model", loader.model_name()},
                                 {"completes", incomplete ? incomplete->Id() : "none"},
                                 {"calibration", options_.loader.calibration},
                                 {"at_most_s", absl::ToDoubleSeconds(options_.loader.order_time)}});
  const absl::Time start = Clock::Monotonic()->Now();
  ASSIGN_OR_RETURN(ComputedOrdering computed,
                   incomplete ? loader.Complete(*incomplete, Progress(Phase::kOrdering))
                              : loader.Compute(Progress(Phase::kOrdering)));
  if (!computed.cache_warning.empty()) {
    log_.Warning("ordering_not_cached", {{"reason", computed.cache_warning},
                                         {"effect", "the next start computes it again"}});
  }
  log_.Info("ordering_done",
            {{"ordering", computed.ordering.Id()},
             {"file", computed.path},
             {"calibration", computed.ordering.calibration_source},
             {"seconds", absl::ToDoubleSeconds(Clock::Monotonic()->Now() - start)}});
  return std::move(computed.ordering);
}

absl::StatusOr<OrderingSwitch> ModelHost::Serve(const ElasticLoader& loader,
                                                std::optional<Ordering> ordering) {
  std::string why;
  ASSIGN_OR_RETURN(std::shared_ptr<const ElasticModel> model,
                   loader.Load(std::move(ordering), &why));
  if (!why.empty()) {
    log_.Info("dtype_chosen", {{"dtype", DtypeName(model->dtype())}, {"because", why}});
  }
  ASSIGN_OR_RETURN(const std::vector<ProfileCell> cells, WarmUp(loader, model));
  LogGraphs(*model);
  ASSIGN_OR_RETURN(std::shared_ptr<const ServedModel> served,
                   BuildServedModel(std::move(model), ++generation_, options_.floor, cells));
  std::vector<Metrics::LadderRung> rungs;
  for (const Rung& rung : served->ladder.rungs()) rungs.push_back({rung.compute, rung.fidelity});
  OrderingSwitch result;
  result.ordering_id = served->ordering_id;
  const absl::Time start = Clock::Monotonic()->Now();
  metrics_.SetLadder(rungs);
  state_.SetModel(std::move(served));
  result.time = Clock::Monotonic()->Now() - start;
  return result;
}

absl::StatusOr<std::vector<ProfileCell>> ModelHost::WarmUp(
    const ElasticLoader& loader, std::shared_ptr<const ElasticModel> model) {
  // From here on this thread computes with as many threads as a worker does.
  engine_.StartWorker(0);
  if (options_.warmup == WarmupMode::kOff) return std::vector<ProfileCell>();
  const bool full = options_.warmup == WarmupMode::kFull;
  const bool on_cpu = model->device() == "cpu";
  ProfileOptions profile;
  profile.batches = WarmupBatches(options_.max_batch, full, !on_cpu);
  if (!full) {
    profile.rungs = SpreadRungs(model->ladder().size(), kFastWarmupRungs);
    profile.repetitions = 3;
    profile.time_limit = kFastWarmup;
  }
  const bool is_ready = state_.Get().phase == Phase::kReady;
  const ProgressFn progress = Progress(is_ready ? Phase::kReady : Phase::kWarming);
  const ProfileCache cache(loader.cache_dir(), loader.fingerprint(), *model, engine_, profile);
  // A GPU has its graphs to make in any case.
  if (const auto kept = cache.Read(); on_cpu && kept.has_value()) {
    ASSIGN_OR_RETURN(const std::vector<ProfileCell> now,
                     ProfileEngine(engine_, model, ToCheck(profile, model->ladder()), progress));
    if (Resemble(now, *kept)) {
      log_.Info("profile", {{"source", "kept"}, {"file", cache.path()}});
      return *kept;
    }
  }
  ASSIGN_OR_RETURN(std::vector<ProfileCell> cells,
                   ProfileEngine(engine_, std::move(model), profile, progress));
  LogFields fields = {{"source", "measured"}, {"file", cache.path()}};
  if (const absl::Status written = cache.Write(cells); !written.ok()) {
    fields.push_back({"not_kept", std::string(written.message())});
  }
  log_.Info("profile", fields);
  return cells;
}

void ModelHost::LogGraphs(const ElasticModel& model) const {
  if (model.device() == "cpu") return;
  const absl::Status failure = model.graph_failure();
  if (failure.ok()) {
    log_.Info("cuda_graphs", {{"graphs", model.graphs()}});
  } else {
    log_.Warning("cuda_graphs", {{"graphs", model.graphs()},
                                 {"reason", std::string(failure.message())},
                                 {"effect", "some batches are computed kernel by kernel, slower"}});
  }
}

// --- Orderings that take over later ---

void ModelHost::ReloadOrdering(const std::string& path, OrderingDone done) {
  {
    absl::MutexLock lock(&mu_);
    if (!closed_) {
      reloads_.push_back({path, std::move(done)});
      return;
    }
  }
  done(Closed());
}

void ModelHost::Stop() {
  stopped_ = true;
  Close();
}

void ModelHost::Close() {
  std::deque<Reload> refused;
  {
    absl::MutexLock lock(&mu_);
    closed_ = true;
    refused.swap(reloads_);
  }
  for (const Reload& reload : refused) reload.done(Closed());
}

void ModelHost::ServeReloads() {
  YieldToOthers();
  while (true) {
    Reload reload;
    {
      const auto wanted = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
        return closed_ || !reloads_.empty();
      };
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&wanted));
      if (closed_) return;
      reload = std::move(reloads_.front());
      reloads_.pop_front();
    }
    const absl::StatusOr<OrderingSwitch> result = SwitchOrdering(reload.path);
    malloc_trim(0);  // what loading has freed, and the old ordering's weights
    if (result.ok()) {
      log_.Info("ordering_reloaded", {{"ordering", result->ordering_id},
                                      {"switch_us", absl::ToInt64Microseconds(result->time)}});
    } else {
      log_.Error("ordering_not_reloaded", {{"reason", std::string(result.status().message())},
                                           {"effect", "the present one stays"}});
    }
    reload.done(result);
  }
}

absl::StatusOr<OrderingSwitch> ModelHost::SwitchOrdering(const std::string& path) {
  ElasticLoaderOptions options = options_.loader;
  if (!path.empty()) options.ordering_file = path;
  ASSIGN_OR_RETURN(const std::unique_ptr<ElasticLoader> loader, ElasticLoader::Create(options));
  std::string ignored;
  absl::StatusOr<std::optional<Ordering>> ordering = loader->FindOrdering(&ignored);
  if (!ordering.ok()) {
    if (absl::IsNotFound(ordering.status())) return ordering.status();
    return absl::FailedPreconditionError(ordering.status().message());
  }
  if (!ordering->has_value()) {
    return ignored.empty() ? absl::NotFoundError(
                                 "no ordering is in the cache folder or the model folder, expected "
                                 "one, or the path of a file")
                           : absl::FailedPreconditionError(ignored);
  }
  return Serve(*loader, *std::move(ordering));
}

}  // namespace snapvit
