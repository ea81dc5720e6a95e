#include "server/status_json.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "server/tenant_status.h"

namespace snapvit {
namespace {

using Json = nlohmann::ordered_json;

Json OrNull(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

Json RungJson(const ServedModel& model, const Rung& rung) {
  Json latency = Json::array();
  for (const MeasuredLatency& cell : model.measured) {
    if (cell.rung != rung.index) continue;
    latency.push_back({{"batch", cell.batch}, {"ms", absl::ToDoubleMilliseconds(cell.time)}});
  }
  return {{"rung", rung.index},
          {"compute", rung.compute},
          {"gflops", rung.gflops},
          {"mlp", rung.mlp_ratio},
          {"heads", rung.head_ratio},
          {"sparsity", rung.sparsity},
          {"fidelity", OrNull(rung.fidelity)},
          {"latency", std::move(latency)}};
}

Json ModelJson(const std::string& name, const ServedModel* model) {
  Json json = {{"name", name}};
  if (model == nullptr) return json;
  const VitConfig& config = model->config;
  json["architecture"] = config.architecture;
  json["parameters"] = model->parameters;
  json["gflops"] = model->ladder.rung(model->ladder.dense()).gflops;
  json["input_size"] = {3, config.image_height, config.image_width};
  json["embedding_dim"] = config.embed_dim;
  json["device"] = model->device;
  json["dtype"] = DtypeName(model->dtype);
  json["kernels"] = model->kernels;
  json["ordering_id"] = model->ordering_id;
  json["calibration_source"] = model->calibration_source;
  json["floor_compute"] = model->ladder.rung(model->floor_rung).compute;
  json["ladder"] = Json::array();
  for (const Rung& rung : model->ladder.rungs()) json["ladder"].push_back(RungJson(*model, rung));
  return json;
}

Json LoadJson(const GaugeValues& gauges) {
  const auto count = [](double value) { return static_cast<int64_t>(value); };
  return {{"utilization", gauges.utilization},        {"demand_ratio", gauges.demand_ratio},
          {"workers", count(gauges.workers)},         {"queue_items", count(gauges.queue_items)},
          {"queue_bytes", count(gauges.queue_bytes)}, {"queue_seconds", gauges.queue_seconds}};
}

Json LatencyJson(const SchedulerMetrics& metrics) {
  Json budgets = Json::array();
  for (const LatencyQuantiles& level : metrics.RecentLatencies()) {
    budgets.push_back({{"budget", level.budget},
                       {"requests", level.requests},
                       {"p50_ms", level.p50_seconds * 1e3},
                       {"p99_ms", level.p99_seconds * 1e3}});
  }
  return {{"window_seconds", absl::ToDoubleSeconds(metrics.latency_window())},
          {"budgets", std::move(budgets)}};
}

Json TenantJson(const TenantState& tenant, const TenantItemCounts& counts) {
  return {{"name", tenant.name},
          {"cap_compute", tenant.cap_compute},
          {"share", tenant.share},
          {"demand", tenant.demand},
          {"queued_items", tenant.queued_items},
          {"degraded_items", counts.degraded},
          {"shed_items", counts.shed}};
}

}  // namespace

std::string StatusJson(const StatusSources& sources) {
  const ServingState::Snapshot now = sources.state->Get();
  const GovernorSettings governor = sources.governor->Get();
  Json tenants = Json::array();
  for (const TenantState& tenant : TenantStates(
           *sources.tenants->table(), sources.executor->Governance(), now.model.get(), governor)) {
    tenants.push_back(TenantJson(tenant, sources.metrics->ItemCounts(tenant.name)));
  }
  const Json document = {
      {"version", sources.version},
      {"state", PhaseName(now.phase)},
      {"progress", now.progress},
      {"serving", now.serving()},
      {"model", ModelJson(sources.state->model_name(), now.model.get())},
      {"load", LoadJson(sources.scheduler_metrics->Gauges(*sources.executor, sources.workers))},
      {"governor",
       {{"pin_compute", OrNull(governor.pin_compute)},
        {"max_compute", OrNull(governor.max_compute)}}},
      {"latency", LatencyJson(*sources.scheduler_metrics)},
      {"tenants", std::move(tenants)}};
  return document.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace snapvit
