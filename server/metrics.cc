#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/error_reason.h"
#include "server/gauge_set.h"
#include "server/label_grid.h"
#include "server/metric_table.h"
#include "server/tenant_policy.h"
#include "server/tenant_series.h"

namespace snapvit {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;

struct Metrics::State {
  explicit State(Options given) : options(std::move(given)), model{{"model", options.model}} {
    SetBuildInfo(/*dtype=*/"");
    for (size_t i = 0; i < RefusalReasons().size(); ++i) refusals.At({i});
  }

  // `dtype`: that computes; empty: nothing does yet.
  void SetBuildInfo(const std::string& dtype) {
    Labels labels = {{"version", options.version}, {"device", options.device}};
    if (!dtype.empty()) labels["dtype"] = dtype;
    const std::pair<Labels, double> info[] = {{labels, 1}};
    build_info.Set(info);
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
  prometheus::Registry registry;
  std::function<GaugeValues()> gauge_source;

  const LabelDimension by_method{"method", MethodNames()};
  const LabelDimension by_budget{"budget", BudgetNames()};

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

  GaugeSet build_info{MakeGauge(kBuildInfo, registry)};
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
  const size_t code = IndexOf(CodeNames(), event.code);
  // Every code that we send is in the table; a new one would show as INTERNAL until it is added.
  tenant.requests.At({method, code < CodeNames().size() ? code : IndexOf(CodeNames(), "INTERNAL")})
      .Increment();
  s.request_duration.At({method, BudgetLevel(event.served_compute)}).Observe(seconds);
  // What is refused at once would make a tenant that is refused more look faster.
  if (event.served_compute.has_value()) tenant.request_duration.At({}).Observe(seconds);
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
    budget.budget = BudgetNames()[level];
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
    s.SetBuildInfo(values.dtype);
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
