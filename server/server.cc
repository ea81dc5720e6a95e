#include "server/server.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "core/base/monotonic_wait.h"
#include "core/base/status_macros.h"
#include "core/engine/engine.h"
#include "core/scheduling/baseline_policies.h"
#include "core/scheduling/executor.h"
#include "server/access_files.h"
#include "server/descriptor_limit.h"
#include "server/engine_host.h"
#include "server/execution_plan.h"
#include "server/front_end.h"
#include "server/governor_control.h"
#include "server/inference_context.h"
#include "server/loader_options.h"
#include "server/model_host.h"
#include "server/ready_file.h"
#include "server/real_engine.h"
#include "server/scheduler_metrics.h"
#include "server/simulated_engine.h"
#include "server/tenant_status.h"

namespace snapvit {
namespace {

constexpr size_t kOtherDescriptors = 1024;  // beside the connections of the gRPC listener
constexpr absl::Duration kSamplePeriod = absl::Seconds(1);
// How long a draining server still answers that it drains: clients hear it, rather than a
// connection that is cut, and go elsewhere.
constexpr absl::Duration kFarewell = absl::Milliseconds(250);
constexpr absl::Duration kReplyTime = absl::Seconds(2);  // to send what has been computed

std::string ModelName(const ServerOptions& options) {
  if (!options.model_name.empty()) return options.model_name;
  const std::filesystem::path path = std::filesystem::absolute(options.model).lexically_normal();
  return path.has_filename() ? path.filename() : path.parent_path().filename();
}

RequestLog::Options RequestLogOptions(const ServerOptions& options, const Logger* log) {
  RequestLog::Options request_log;
  request_log.log = log;
  request_log.slow = options.slow_request;
  return request_log;
}

Metrics::Options MetricsOptions(const ServerOptions& options, const ExecutionPlan& plan) {
  Metrics::Options metrics;
  metrics.model = ModelName(options);
  metrics.version = SNAPVIT_VERSION;
  metrics.device = plan.device_name;
  return metrics;
}

ModelHost::Options HostOptions(const ServerOptions& options, const ExecutionPlan& plan) {
  ModelHost::Options host;
  host.loader = LoaderOptions(options, plan.device);
  host.loader.model_name = ModelName(options);
  host.loader.order_time = plan.order_time;
  host.loader.streams = plan.workers;
  host.order_at_start = options.order_at_start;
  host.warmup = options.warmup;
  host.max_batch = plan.max_batch;
  host.floor = options.floor;
  return host;
}

// What a profile says about the server, where the options do not.
ServerOptions WithProfile(ServerOptions options, const SimulatedProfile& profile) {
  if (options.model_name.empty()) options.model_name = profile.model;
  return options;
}

class ServerImpl final : public Server {
 public:
  // `profile`: of a simulated engine; nothing: a real one.
  ServerImpl(const ServerOptions& options, std::optional<SimulatedProfile> profile,
             ExecutionPlan plan, const Logger* log)
      : options_(options),
        profile_(std::move(profile)),
        plan_(std::move(plan)),
        log_(*log),
        state_(ModelName(options)),
        metrics_(MetricsOptions(options, plan_)),
        scheduler_metrics_(Clock::Monotonic(), &state_, &metrics_),
        request_log_(RequestLogOptions(options, log)),
        call_set_(options.max_streams) {}
  ~ServerImpl() override { Drain(); }

  absl::Status Start() {
    MakeRoomForConnections();
    ASSIGN_OR_RETURN(access_, AccessFiles::Create(&options_, &metrics_, &log_));
    RETURN_IF_ERROR(StartScheduler());
    access_->Follow(executor_.get());
    front_end_ = std::make_unique<FrontEnd>(MakeFrontEndContext());
    RETURN_IF_ERROR(front_end_->Start());
    access_->WarnOfOpenDoors();
    load_thread_ = std::thread([this] { LoadModel(); });
    sample_thread_ = std::thread([this] { SampleLoop(); });
    return absl::OkStatus();
  }

  HostPort grpc_address() const override { return front_end_->grpc_address(); }
  HostPort http_address() const override { return front_end_->http_address(); }
  HostPort admin_address() const override { return front_end_->admin_address(); }

  void ReloadFiles() override { access_->Reload(); }

  void RequestStop() override ABSL_LOCKS_EXCLUDED(mu_) { Stop(absl::OkStatus()); }

  absl::Status Wait() override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&stopping_));
    return failure_;
  }

  bool Drain() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::StatusOr<std::unique_ptr<EngineHost>> MakeEngine();
  void MakeRoomForConnections() const;
  absl::Status StartScheduler();
  InferenceContext MakeInferenceContext();
  AdminContext MakeAdminContext();
  StatusSources MakeStatusSources() const;
  FrontEndContext MakeFrontEndContext();
  GaugeValues Gauges() const;

  void LoadModel();
  void SampleLoop() ABSL_LOCKS_EXCLUDED(mu_);
  void Stop(const absl::Status& failure) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes no more work; on a thread of its own, ends by `grace` what was accepted, and then Wait().
  void BeginDrain(absl::Duration grace) ABSL_LOCKS_EXCLUDED(mu_);

  const ServerOptions options_;
  const std::optional<SimulatedProfile> profile_;
  const ExecutionPlan plan_;
  const Logger& log_;
  ServingState state_;
  Metrics metrics_;
  SchedulerMetrics scheduler_metrics_;
  RequestLog request_log_;
  GovernorControl governor_;
  std::unique_ptr<AccessFiles> access_;

  std::unique_ptr<EngineHost> engine_;
  std::unique_ptr<Executor> executor_;
  ActiveCalls calls_;
  CallSet call_set_;
  std::unique_ptr<FrontEnd> front_end_;
  std::thread load_thread_;
  std::thread sample_thread_;

  Alarm sample_alarm_;
  absl::Mutex mu_;
  std::thread drain_thread_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
};

absl::StatusOr<std::unique_ptr<EngineHost>> ServerImpl::MakeEngine() {
  if (profile_.has_value()) {
    return std::make_unique<SimulatedEngine>(*profile_, plan_.workers, options_.floor, &state_,
                                             &metrics_, &log_);
  }
  Engine::Options engine;
  engine.workers = plan_.workers;
  engine.threads_per_worker = plan_.threads;
  engine.pin = plan_.device.device.kind == Device::Kind::kCpu;
  return RealEngine::Create(engine, HostOptions(options_, plan_), &state_, &metrics_, &log_);
}

void ServerImpl::MakeRoomForConnections() const {
  const size_t needed = options_.connections.max_connections + kOtherDescriptors;
  const size_t limit = RaiseDescriptorLimit(needed);
  if (limit >= needed) return;
  log_.Warning(
      "descriptors_are_few",
      {{"limit", limit}, {"wanted", needed}, {"remedy", "ulimit -n, or --max-connections"}});
}

absl::Status ServerImpl::StartScheduler() {
  ASSIGN_OR_RETURN(engine_, MakeEngine());
  ASSIGN_OR_RETURN(std::unique_ptr<Policy> policy,
                   MakePolicy(options_.policy, plan_.workers, plan_.max_batch));
  Executor::Options executor;
  executor.scheduler.workers = plan_.workers;
  executor.scheduler.bounds.max_items = options_.max_queue_items;
  executor.scheduler.bounds.max_bytes = options_.max_queue_bytes;
  executor.prepare_threads = plan_.decode_threads;
  executor.on_worker_start = [this](int worker) { engine_->StartWorker(worker); };
  ASSIGN_OR_RETURN(executor_, Executor::Create(std::move(executor), std::move(policy),
                                               engine_->backend(), &scheduler_metrics_));
  metrics_.SetGaugeSource([this] { return Gauges(); });
  return absl::OkStatus();
}

GaugeValues ServerImpl::Gauges() const {
  GaugeValues values = scheduler_metrics_.Gauges(*executor_, plan_.workers);
  values.calls = calls_.open();
  values.streams = static_cast<double>(call_set_.streams());
  values.grpc_connections = front_end_->grpc_connections();
  values.admin_connections = front_end_->admin_connections();
  const auto model = state_.Get().model;
  if (model != nullptr) values.dtype = DtypeName(model->dtype);
  for (TenantState& tenant : TenantStates(*access_->tenants()->table(), executor_->Governance(),
                                          model.get(), governor_.Get())) {
    values.caps.push_back({std::move(tenant.name), tenant.cap_compute});
  }
  return values;
}

InferenceContext ServerImpl::MakeInferenceContext() {
  InferenceContext context;
  context.state = &state_;
  context.authenticator = access_->authenticator();
  context.governor = &governor_;
  context.executor = executor_.get();
  context.metrics = &metrics_;
  context.request_log = &request_log_;
  context.calls = &calls_;
  context.call_set = &call_set_;
  context.call_limits =
      ActiveCalls::Limits::Of(options_.max_calls, options_.connections.max_connection_calls);
  context.max_message_bytes = options_.connections.max_message_bytes;
  context.max_images = options_.max_images;
  context.max_pixels = options_.max_pixels;
  context.max_queue_items = options_.max_queue_items;
  context.workers = plan_.workers;
  return context;
}

AdminContext ServerImpl::MakeAdminContext() {
  AdminContext context;
  context.state = &state_;
  context.executor = executor_.get();
  context.scheduler_metrics = &scheduler_metrics_;
  context.metrics = &metrics_;
  context.tenants = access_->tenants();
  context.governor = &governor_;
  context.log = &log_;
  context.workers = plan_.workers;
  context.drain_grace = options_.drain_grace;
  context.reload_ordering = [this](const std::string& path, OrderingDone done) {
    engine_->ReloadOrdering(path, std::move(done));
  };
  context.drain = [this](absl::Duration grace) { BeginDrain(grace); };
  return context;
}

StatusSources ServerImpl::MakeStatusSources() const {
  StatusSources sources;
  sources.state = &state_;
  sources.executor = executor_.get();
  sources.scheduler_metrics = &scheduler_metrics_;
  sources.metrics = &metrics_;
  sources.tenants = access_->tenants();
  sources.governor = &governor_;
  sources.workers = plan_.workers;
  sources.version = SNAPVIT_VERSION;
  return sources;
}

FrontEndContext ServerImpl::MakeFrontEndContext() {
  FrontEndContext context;
  context.options = &options_;
  context.inference = MakeInferenceContext();
  context.admin = MakeAdminContext();
  context.status = MakeStatusSources();
  context.access = access_.get();
  context.state = &state_;
  context.metrics = &metrics_;
  context.log = &log_;
  return context;
}

void ServerImpl::LoadModel() {
  const absl::Status status = engine_->Run();
  if (status.ok() || absl::IsCancelled(status)) return;
  Stop(status);
}

void ServerImpl::SampleLoop() {
  while (true) {
    sample_alarm_.SleepAtMost(kSamplePeriod);
    {
      absl::MutexLock lock(&mu_);
      if (stopping_) return;
    }
    if (const absl::Status lost = engine_->DeviceFailure(); !lost.ok()) {
      log_.Error("device_lost",
                 {{"reason", std::string(lost.message())},
                  {"effect", "the server ends, as all that follows would fail"},
                  {"remedy", "start it anew; dmesg names the error of a GPU (Xid)"}});
      return Stop(lost);
    }
    scheduler_metrics_.Sample(*executor_);
    const absl::Time now = Clock::Monotonic()->Now();
    call_set_.EndStill({now - options_.stream_idle, now - options_.reply_time});
    access_->Poll();
  }
}

void ServerImpl::Stop(const absl::Status& failure) {
  absl::MutexLock lock(&mu_);
  if (stopping_) return;
  stopping_ = true;
  failure_ = failure;
  sample_alarm_.Ring();
}

void ServerImpl::BeginDrain(absl::Duration grace) {
  state_.SetPhase(Phase::kDraining, 0);
  call_set_.Drain();
  absl::MutexLock lock(&mu_);
  if (stopping_ || drain_thread_.joinable()) return;
  log_.Info("draining", {{"by", "Admin.Drain"}, {"grace_s", absl::ToDoubleSeconds(grace)}});
  drain_thread_ = std::thread([this, grace] {
    const bool complete = executor_->Drain(grace);
    log_.Info("drained", {{"all_requests_answered", complete}});
    absl::SleepFor(kFarewell);
    RequestStop();
  });
}

bool ServerImpl::Drain() {
  RequestStop();
  if (!load_thread_.joinable()) return true;  // never started, or drained
  const absl::Time start = Clock::Monotonic()->Now();
  const bool was_serving = state_.Get().serving();
  state_.SetPhase(Phase::kDraining, 0);
  engine_->Stop();
  call_set_.Drain();
  bool complete = executor_->Drain(options_.drain_grace);
  if (was_serving) absl::SleepFor(kFarewell);
  const absl::Duration left = options_.drain_grace - (Clock::Monotonic()->Now() - start);
  complete &= calls_.AwaitNone(std::max(left, kReplyTime));
  // What is open now are connections of clients that sleep: nothing is gained by waiting for them.
  front_end_->StopGrpc();
  load_thread_.join();
  sample_thread_.join();
  std::thread drain_thread;
  {
    absl::MutexLock lock(&mu_);
    drain_thread = std::move(drain_thread_);
  }
  if (drain_thread.joinable()) drain_thread.join();
  front_end_->StopHttp();
  return complete;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      const Logger* log) {
  // First: what waits for the file would take the addresses of an earlier server for ours.
  if (const absl::Status cleared = ReadyFile(options.ready_file).Clear(); !cleared.ok()) {
    log->Error("ready_file_not_removed", {{"reason", std::string(cleared.message())}});
  }
  ServerOptions resolved = options;
  std::optional<SimulatedProfile> profile;
  if (!options.simulated_profile.empty()) {
    ASSIGN_OR_RETURN(profile, ReadSimulatedProfile(options.simulated_profile));
    resolved = WithProfile(options, *profile);
  }
  ASSIGN_OR_RETURN(ExecutionPlan plan, PlanExecution(resolved, profile));
  LogDevice(plan.device, *log);
  auto server = std::make_unique<ServerImpl>(resolved, std::move(profile), std::move(plan), log);
  RETURN_IF_ERROR(server->Start());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace snapvit
