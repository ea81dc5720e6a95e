#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "core/base/error_reason.h"
#include "server/label_grid.h"
#include "server/rpc_code.h"
#include "server/tenant_policy.h"

namespace snapvit {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;
using Buckets = Histogram::BucketBoundaries;

// ---- The declaration of every metric: name, help, and (in TenantSeries and State) its labels.
// ----

struct Spec {
  const char* name;
  const char* help;
};

constexpr Spec kRequests = {
    "snapvit_requests_total",
    "Requests that ended, by gRPC code. A message of a stream is a request."};
constexpr Spec kItems = {"snapvit_items_total",
                         "Images that ended, by the budget level served and asked for."};
constexpr Spec kDegraded = {"snapvit_degraded_items_total",
                            "Images served below what was asked for, by reason."};
constexpr Spec kShed = {"snapvit_shed_items_total",
                        "Images refused or dropped because of load, limits or deadlines."};
constexpr Spec kFlops = {"snapvit_flops_total", "FLOPs of served images (1 MAC = 2 FLOPs)."};
constexpr Spec kDemandSeconds = {
    "snapvit_demand_seconds_total",
    "Engine seconds that all images would have cost as wanted, shed ones included."};
constexpr Spec kBusySeconds = {"snapvit_busy_seconds_total", "Seconds that workers computed."};
constexpr Spec kRequestDuration = {"snapvit_request_duration_seconds",
                                   "From arrival of a request to its reply."};
constexpr Spec kTenantRequestDuration = {"snapvit_tenant_request_duration_seconds",
                                         "From arrival of a request to its reply, by tenant."};
constexpr Spec kQueueDuration = {"snapvit_queue_duration_seconds",
                                 "Wait of an image, decoding aside, until its batch started."};
constexpr Spec kComputeDuration = {"snapvit_compute_duration_seconds",
                                   "Computation of the batch that an image was in."};
constexpr Spec kDecodeDuration = {"snapvit_decode_duration_seconds",
                                  "Decoding and preprocessing of an image."};
constexpr Spec kBatchItems = {"snapvit_batch_items", "Images in a computed batch."};
constexpr Spec kServedCompute = {"snapvit_served_compute",
                                 "Share of the dense model's FLOPs that images were served with."};
constexpr Spec kEstimatedFidelity = {
    "snapvit_estimated_fidelity", "Estimated fidelity of the views that images were served with."};
constexpr Spec kQueueItems = {"snapvit_queue_items", "Images that wait."};
constexpr Spec kQueueBytes = {"snapvit_queue_bytes", "Memory of the images that wait."};
constexpr Spec kQueueSeconds = {"snapvit_queue_seconds",
                                "Engine seconds that waiting images need."};
constexpr Spec kWorkers = {"snapvit_workers", "Engine workers."};
constexpr Spec kUtilization = {"snapvit_utilization",
                               "Share of the workers' time spent computing, last 10 s."};
constexpr Spec kDemandRatio = {"snapvit_demand_ratio",
                               "Demand seconds per second and worker, last 10 s: above 1, load is "
                               "met by degrading or shedding."};
constexpr Spec kLadderFidelity = {"snapvit_ladder_fidelity",
                                  "Estimated fidelity of each rung of the served ladder."};
constexpr Spec kGovernorCap = {"snapvit_governor_cap",
                               "Rungs of more compute are not served to the tenant at present."};
constexpr Spec kReloads = {"snapvit_config_reloads_total",
                           "Times that a changed file was read again, by outcome."};
constexpr Spec kReloadSuccess = {
    "snapvit_config_last_reload_success",
    "1 unless the file was last found broken: then what was in force before it still is."};
constexpr Spec kRefusals = {
    "snapvit_refusals_total",
    "Requests, images, streams and connections turned away by a limit or for who they came from."};
constexpr Spec kOpenCalls = {"snapvit_open_calls",
                             "Calls that are not answered to the end, streams among them."};
constexpr Spec kOpenStreams = {"snapvit_open_streams", "Streams that are open."};
constexpr Spec kConnections = {"snapvit_connections", "Connections that are open, by listener."};
constexpr Spec kCertificateExpiry = {
    "snapvit_certificate_expiry_timestamp_seconds",
    "Unix time at which the certificate of the gRPC listener ends."};
constexpr Spec kReady = {"snapvit_ready", "1 while requests are accepted, else 0."};
constexpr Spec kBuildInfo = {"snapvit_build_info", "Always 1; the labels say what runs."};

// Bounds are never whole numbers: Prometheus 3 would rename le="1" to le="1.0" and break queries
// that name it.
const Buckets& LatencyBuckets() {
  static const auto* const buckets =
      new Buckets{0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1,
                  0.15,  0.25,   0.35,  0.5,  0.75,  1.5,   2.5,  5.5,   10.5};
  return *buckets;
}
const Buckets& BatchBuckets() {
  static const auto* const buckets = new Buckets{1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 64.5, 128.5};
  return *buckets;
}
const Buckets& ComputeBuckets() {
  static const auto* const buckets =
      new Buckets{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99};
  return *buckets;
}
const Buckets& FidelityBuckets() {
  static const auto* const buckets =
      new Buckets{0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99, 0.995, 0.999};
  return *buckets;
}

constexpr RpcMethod kMethods[] = {RpcMethod::kEmbed, RpcMethod::kClassify, RpcMethod::kInfer};
const std::vector<std::string>& MethodNames() {
  static const auto* const names = new std::vector<std::string>{"embed", "classify", "infer"};
  return *names;
}
const std::vector<std::string>& DegradedReasons() {
  static const auto* const names =
      new std::vector<std::string>{"LOAD", "DEADLINE", "TENANT_LIMIT", "ADMIN_LIMIT"};
  return *names;
}
const std::vector<std::string>& ShedReasons() {
  static const auto* const names = new std::vector<std::string>{
      "QUEUE_FULL", "RATE_LIMIT", "CONCURRENCY", "DEADLINE_UNMEETABLE", "EXPIRED"};
  return *names;
}
// As the values of Refusal.
const std::vector<std::string>& RefusalReasons() {
  static const auto* const names = new std::vector<std::string>{
      "UNAUTHENTICATED", "PERMISSION_DENIED", "TOO_LARGE",  "TOO_MANY_IMAGES", "CALLS",
      "STREAMS",         "STREAM_IDLE",       "STALLED",    "HTTP_CALLS",      "HTTP_HEADS",
      "SLOW_BODY",       "CONNECTIONS",       "DESCRIPTORS"};
  return *names;
}
const std::vector<std::string>& ConfigNames() {
  static const auto* const names = new std::vector<std::string>{"tenants", "tls"};
  return *names;
}
const std::vector<std::string>& ReloadResults() {
  static const auto* const names = new std::vector<std::string>{"error", "ok"};
  return *names;
}

// ---- End of the declarations. ----

// Levels 0 … 9 are the budgets 0.1 … 1.0; the last is "none".
constexpr size_t kBudgetLevels = 11;
constexpr size_t kNoBudget = kBudgetLevels - 1;

size_t BudgetLevel(std::optional<double> compute) {
  if (!compute.has_value()) return kNoBudget;
  const double tenths = std::ceil(10 * *compute - 1e-6);
  return static_cast<size_t>(std::clamp(tenths, 1.0, 10.0)) - 1;
}

std::vector<std::string> BudgetNames() {
  std::vector<std::string> names;
  for (size_t level = 0; level < kNoBudget; ++level) {
    names.push_back(absl::StrFormat("%.1f", static_cast<double>(level + 1) / 10));
  }
  names.push_back("none");
  return names;
}

std::vector<std::string> CodeNames() {
  std::vector<std::string> names;
  for (const grpc::StatusCode code : RpcCodes()) names.push_back(RpcCodeName(code));
  return names;
}

// Position of `name`; the number of names if it is not among them.
size_t IndexOf(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) - names.begin();
}

template <typename M>
typename LabelGrid<M>::Add AddTo(Family<M>& family) {
  return [&family](const Labels& labels) -> M& { return family.Add(labels); };
}

LabelGrid<Histogram>::Add AddTo(Family<Histogram>& family, const Buckets& buckets) {
  return [&family, &buckets](const Labels& labels) -> Histogram& {
    return family.Add(labels, buckets);
  };
}

Family<Counter>& MakeCounter(const Spec& spec, prometheus::Registry& registry) {
  return prometheus::BuildCounter().Name(spec.name).Help(spec.help).Register(registry);
}
Family<Gauge>& MakeGauge(const Spec& spec, prometheus::Registry& registry) {
  return prometheus::BuildGauge().Name(spec.name).Help(spec.help).Register(registry);
}
Family<Histogram>& MakeHistogram(const Spec& spec, prometheus::Registry& registry) {
  return prometheus::BuildHistogram().Name(spec.name).Help(spec.help).Register(registry);
}

}  // namespace

std::string BudgetLabel(std::optional<double> compute) {
  const size_t level = BudgetLevel(compute);
  if (level == kNoBudget) return "none";
  return absl::StrFormat("%.1f", static_cast<double>(level + 1) / 10);
}

namespace {

// What all tenants share: the families of their series.
struct TenantFamilies {
  explicit TenantFamilies(prometheus::Registry& registry)
      : requests(MakeCounter(kRequests, registry)),
        items(MakeCounter(kItems, registry)),
        degraded(MakeCounter(kDegraded, registry)),
        shed(MakeCounter(kShed, registry)),
        flops(MakeCounter(kFlops, registry)),
        request_duration(MakeHistogram(kTenantRequestDuration, registry)),
        served_compute(MakeHistogram(kServedCompute, registry)),
        estimated_fidelity(MakeHistogram(kEstimatedFidelity, registry)) {}

  Family<Counter>& requests;
  Family<Counter>& items;
  Family<Counter>& degraded;
  Family<Counter>& shed;
  Family<Counter>& flops;
  Family<Histogram>& request_duration;
  Family<Histogram>& served_compute;
  Family<Histogram>& estimated_fidelity;
};

// The series of one tenant. They appear in scrapes when they are first looked at.
struct TenantSeries {
  TenantSeries(const Labels& labels, TenantFamilies& families)
      : requests(labels, {{"method", MethodNames()}, {"code", CodeNames()}},
                 AddTo(families.requests)),
        items(labels, {{"budget", BudgetNames()}, {"requested_budget", BudgetNames()}},
              AddTo(families.items)),
        degraded(labels, {{"reason", DegradedReasons()}}, AddTo(families.degraded)),
        shed(labels, {{"reason", ShedReasons()}}, AddTo(families.shed)),
        flops(labels, {}, AddTo(families.flops)),
        request_duration(labels, {}, AddTo(families.request_duration, LatencyBuckets())),
        served_compute(labels, {}, AddTo(families.served_compute, ComputeBuckets())),
        estimated_fidelity(labels, {}, AddTo(families.estimated_fidelity, FidelityBuckets())) {}

  // Series that are known in advance are there, as 0, from the first scrape on. Items appear with
  // the budgets that the ladder has.
  void Export() {
    for (const RpcMethod method : kMethods) {
      for (size_t code = 0; code < CodeNames().size(); ++code) {
        requests.At({static_cast<size_t>(method), code});
      }
    }
    for (size_t i = 0; i < DegradedReasons().size(); ++i) degraded.At({i});
    for (size_t i = 0; i < ShedReasons().size(); ++i) shed.At({i});
    flops.At({});
    request_duration.At({});
    served_compute.At({});
    estimated_fidelity.At({});
  }

  LabelGrid<Counter> requests;
  LabelGrid<Counter> items;
  LabelGrid<Counter> degraded;
  LabelGrid<Counter> shed;
  LabelGrid<Counter> flops;
  LabelGrid<Histogram> request_duration;
  LabelGrid<Histogram> served_compute;
  LabelGrid<Histogram> estimated_fidelity;
};

// Gauges that are there as long as what they are about.
class GaugeSet {
 public:
  explicit GaugeSet(Family<Gauge>& family) : family_(family) {}

  // These gauges and no others from now on.
  void Set(std::span<const std::pair<Labels, double>> gauges) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    std::map<Labels, Gauge*> old = std::exchange(gauges_, {});
    for (const auto& [labels, value] : gauges) {
      Gauge& gauge = family_.Add(labels);  // the one that is there, if there is one
      gauge.Set(value);
      gauges_[labels] = &gauge;
      old.erase(labels);
    }
    for (const auto& [labels, gauge] : old) family_.Remove(gauge);
  }

 private:
  Family<Gauge>& family_;
  absl::Mutex mu_;
  std::map<Labels, Gauge*> gauges_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

struct Metrics::State {
  explicit State(Options given) : options(std::move(given)), model{{"model", options.model}} {
    MakeGauge(kBuildInfo, registry)
        .Add({{"version", options.version}, {"device", options.device}, {"dtype", options.dtype}})
        .Set(1);
    for (size_t i = 0; i < RefusalReasons().size(); ++i) refusals.At({i});
  }

  std::unique_ptr<TenantSeries> MakeTenant(const std::string& name) {
    Labels labels = model;
    labels["tenant"] = name;
    return std::make_unique<TenantSeries>(labels, tenant_families);
  }

  // The series of a configured tenant, or of all others. They live as long as this.
  TenantSeries& Tenant(std::string_view name) ABSL_LOCKS_EXCLUDED(tenants_mu) {
    absl::ReaderMutexLock lock(&tenants_mu);
    const auto found = tenants.find(name);
    return found == tenants.end() ? *other : *found->second;
  }

  bool IsConfigured(std::string_view name) ABSL_LOCKS_EXCLUDED(tenants_mu) {
    absl::ReaderMutexLock lock(&tenants_mu);
    return tenants.contains(name);
  }

  void ExportLevel(size_t level) ABSL_LOCKS_EXCLUDED(tenants_mu) {
    for (const RpcMethod method : kMethods) {
      request_duration.At({static_cast<size_t>(method), level});
    }
    {
      absl::MutexLock lock(&tenants_mu);
      exported_levels.insert(level);
      for (const auto& [name, tenant] : tenants) tenant->items.At({level, level});
    }
    if (level == kNoBudget) return;
    queue_duration.At({level});
    compute_duration.At({level});
  }

  const Options options;
  const Labels model;
  const std::vector<std::string> codes = CodeNames();
  const std::vector<std::string> levels = BudgetNames();
  prometheus::Registry registry;
  std::function<GaugeValues()> gauge_source;

  const LabelDimension by_method{"method", MethodNames()};
  const LabelDimension by_budget{"budget", levels};

  TenantFamilies tenant_families{registry};
  const std::unique_ptr<TenantSeries> other = MakeTenant(kOtherTenant);
  absl::Mutex tenants_mu;
  std::map<std::string, std::unique_ptr<TenantSeries>, std::less<>> tenants
      ABSL_GUARDED_BY(tenants_mu);  // only grows
  std::set<size_t> exported_levels ABSL_GUARDED_BY(tenants_mu);

  Counter& demand_seconds = MakeCounter(kDemandSeconds, registry).Add(model);
  Counter& busy_seconds = MakeCounter(kBusySeconds, registry).Add(model);

  LabelGrid<Histogram> request_duration{
      model,
      {by_method, by_budget},
      AddTo(MakeHistogram(kRequestDuration, registry), LatencyBuckets())};
  LabelGrid<Histogram> queue_duration{
      model, {by_budget}, AddTo(MakeHistogram(kQueueDuration, registry), LatencyBuckets())};
  LabelGrid<Histogram> compute_duration{
      model, {by_budget}, AddTo(MakeHistogram(kComputeDuration, registry), LatencyBuckets())};
  Histogram& decode_duration =
      MakeHistogram(kDecodeDuration, registry).Add(model, LatencyBuckets());
  Histogram& batch_items = MakeHistogram(kBatchItems, registry).Add(model, BatchBuckets());

  Gauge& queue_items = MakeGauge(kQueueItems, registry).Add(model);
  Gauge& queue_bytes = MakeGauge(kQueueBytes, registry).Add(model);
  Gauge& queue_seconds = MakeGauge(kQueueSeconds, registry).Add(model);
  Gauge& workers = MakeGauge(kWorkers, registry).Add(model);
  Gauge& utilization = MakeGauge(kUtilization, registry).Add(model);
  Gauge& demand_ratio = MakeGauge(kDemandRatio, registry).Add(model);
  Gauge& ready = MakeGauge(kReady, registry).Add({});

  LabelGrid<Counter> reloads{{},
                             {{"config", ConfigNames()}, {"result", ReloadResults()}},
                             AddTo(MakeCounter(kReloads, registry))};
  LabelGrid<Gauge> reload_success{
      {}, {{"config", ConfigNames()}}, AddTo(MakeGauge(kReloadSuccess, registry))};

  LabelGrid<Counter> refusals{
      {}, {{"reason", RefusalReasons()}}, AddTo(MakeCounter(kRefusals, registry))};
  Gauge& open_calls = MakeGauge(kOpenCalls, registry).Add({});
  Gauge& open_streams = MakeGauge(kOpenStreams, registry).Add({});
  Family<Gauge>& connections = MakeGauge(kConnections, registry);
  Gauge& grpc_connections = connections.Add({{"listener", "grpc"}});
  Gauge& admin_connections = connections.Add({{"listener", "admin"}});

  GaugeSet certificate_expiry{MakeGauge(kCertificateExpiry, registry)};
  GaugeSet ladder_fidelity{MakeGauge(kLadderFidelity, registry)};
  GaugeSet governor_caps{MakeGauge(kGovernorCap, registry)};
};

Metrics::Metrics(Options options) : state_(std::make_unique<State>(std::move(options))) {}
Metrics::~Metrics() = default;

void Metrics::SetLadder(std::span<const LadderRung> rungs) {
  State& s = *state_;
  for (const LadderRung& rung : rungs) s.ExportLevel(BudgetLevel(rung.compute));
  s.ExportLevel(kNoBudget);
  std::vector<std::pair<Labels, double>> gauges;
  for (size_t i = 0; i < rungs.size(); ++i) {
    if (!rungs[i].fidelity.has_value()) continue;
    gauges.push_back(
        {{{"model", s.options.model}, {"rung", std::to_string(i)}}, *rungs[i].fidelity});
  }
  s.ladder_fidelity.Set(gauges);
}

void Metrics::SetTenants(std::span<const std::string> names) {
  State& s = *state_;
  absl::MutexLock lock(&s.tenants_mu);
  for (const std::string& name : names) {
    if (s.tenants.contains(name) || s.tenants.size() >= kMostTenantLabels) continue;
    std::unique_ptr<TenantSeries> series = s.MakeTenant(name);
    series->Export();
    for (const size_t level : s.exported_levels) series->items.At({level, level});
    s.tenants.emplace(name, std::move(series));
  }
}

void Metrics::SetGaugeSource(std::function<GaugeValues()> source) {
  state_->gauge_source = std::move(source);
}

void Metrics::RecordRequest(const RequestEvent& event) {
  State& s = *state_;
  TenantSeries& tenant = s.Tenant(event.tenant);
  const size_t method = static_cast<size_t>(event.method);
  const double seconds = absl::ToDoubleSeconds(event.duration);
  const size_t code = IndexOf(s.codes, event.code);
  // Every code that we send is in the table; a new one would show as INTERNAL until it is added.
  tenant.requests.At({method, code < s.codes.size() ? code : IndexOf(s.codes, "INTERNAL")})
      .Increment();
  s.request_duration.At({method, BudgetLevel(event.served_compute)}).Observe(seconds);
  tenant.request_duration.At({}).Observe(seconds);
}

void Metrics::RecordItem(const ItemEvent& event) {
  State& s = *state_;
  TenantSeries& tenant = s.Tenant(event.tenant);
  const size_t served = BudgetLevel(event.served_compute);
  tenant.items.At({served, BudgetLevel(event.requested_compute)}).Increment();
  const size_t reason = IndexOf(DegradedReasons(), event.degraded_reason);
  if (reason < DegradedReasons().size()) tenant.degraded.At({reason}).Increment();
  tenant.flops.At({}).Increment(event.flops);
  tenant.served_compute.At({}).Observe(event.served_compute);
  if (event.estimated_fidelity.has_value()) {
    tenant.estimated_fidelity.At({}).Observe(*event.estimated_fidelity);
  }
  s.queue_duration.At({served}).Observe(absl::ToDoubleSeconds(event.queue_time));
  s.compute_duration.At({served}).Observe(absl::ToDoubleSeconds(event.compute_time));
  s.decode_duration.Observe(absl::ToDoubleSeconds(event.decode_time));
}

void Metrics::RecordUnservedItem(std::string_view tenant, std::string_view reason,
                                 double requested_compute) {
  TenantSeries& series = state_->Tenant(tenant);
  const size_t index = IndexOf(ShedReasons(), reason);
  if (index < ShedReasons().size()) series.shed.At({index}).Increment();
  if (reason == kReasonTooLarge) RecordRefusal(Refusal::kTooLarge);
  series.items.At({kNoBudget, BudgetLevel(requested_compute)}).Increment();
}

void Metrics::RecordRefusal(Refusal refusal) {
  state_->refusals.At({static_cast<size_t>(refusal)}).Increment();
}

void Metrics::RecordBatch(size_t items, absl::Duration busy) {
  state_->batch_items.Observe(static_cast<double>(items));
  state_->busy_seconds.Increment(absl::ToDoubleSeconds(busy));
}

void Metrics::RecordDemand(absl::Duration engine_time) {
  state_->demand_seconds.Increment(absl::ToDoubleSeconds(engine_time));
}

void Metrics::RecordReload(ConfigFile file, bool ok) {
  const size_t config = static_cast<size_t>(file);
  state_->reloads.At({config, ok ? 1U : 0U}).Increment();
  state_->reload_success.At({config}).Set(ok ? 1 : 0);
}

void Metrics::SetCertificateExpiry(absl::Time not_after) {
  const std::pair<Labels, double> expiry[] = {
      {{}, absl::ToDoubleSeconds(not_after - absl::UnixEpoch())}};
  state_->certificate_expiry.Set(expiry);
}

double Metrics::demand_seconds() const { return state_->demand_seconds.Value(); }
double Metrics::busy_seconds() const { return state_->busy_seconds.Value(); }

std::vector<LatencyTotals> Metrics::RequestLatencies() const {
  State& s = *state_;
  std::set<size_t> levels;
  {
    absl::ReaderMutexLock lock(&s.tenants_mu);
    levels = s.exported_levels;
  }
  std::vector<LatencyTotals> totals;
  for (const size_t level : levels) {
    LatencyTotals& budget = totals.emplace_back();
    budget.budget = s.levels[level];
    for (const RpcMethod method : kMethods) {
      const auto histogram =
          s.request_duration.At({static_cast<size_t>(method), level}).Collect().histogram;
      budget.buckets.resize(histogram.bucket.size());
      for (size_t i = 0; i < histogram.bucket.size(); ++i) {
        budget.buckets[i].bound_seconds = histogram.bucket[i].upper_bound;
        budget.buckets[i].at_most += histogram.bucket[i].cumulative_count;
      }
    }
  }
  return totals;
}

TenantItemCounts Metrics::ItemCounts(std::string_view tenant) const {
  TenantItemCounts counts;
  if (!state_->IsConfigured(tenant)) return counts;
  TenantSeries& series = state_->Tenant(tenant);
  for (size_t i = 0; i < DegradedReasons().size(); ++i) {
    counts.degraded += static_cast<uint64_t>(series.degraded.At({i}).Value());
  }
  for (size_t i = 0; i < ShedReasons().size(); ++i) {
    counts.shed += static_cast<uint64_t>(series.shed.At({i}).Value());
  }
  return counts;
}

std::string Metrics::Expose() const {
  State& s = *state_;
  if (s.gauge_source) {
    const GaugeValues values = s.gauge_source();
    s.queue_items.Set(values.queue_items);
    s.queue_bytes.Set(values.queue_bytes);
    s.queue_seconds.Set(values.queue_seconds);
    s.workers.Set(values.workers);
    s.utilization.Set(values.utilization);
    s.demand_ratio.Set(values.demand_ratio);
    s.ready.Set(values.ready ? 1 : 0);
    s.open_calls.Set(values.calls);
    s.open_streams.Set(values.streams);
    s.grpc_connections.Set(values.grpc_connections);
    s.admin_connections.Set(values.admin_connections);
    std::vector<std::pair<Labels, double>> caps;
    for (const GovernorCap& cap : values.caps) {
      if (!s.IsConfigured(cap.tenant)) continue;
      caps.push_back({{{"model", s.options.model}, {"tenant", cap.tenant}}, cap.compute});
    }
    s.governor_caps.Set(caps);
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, s.registry.Collect());
  return text.str();
}

}  // namespace snapvit
