#include "server/metric_table.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "server/rpc_code.h"

namespace snapvit {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;

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
const std::vector<std::string>& RefusalReasons() {
  static const auto* const names = new std::vector<std::string>{
      "UNAUTHENTICATED",  "PERMISSION_DENIED", "TOO_LARGE",   "TOO_MANY_IMAGES", "CALLS",
      "CONNECTION_CALLS", "STREAMS",           "STREAM_IDLE", "STALLED",         "HTTP_CALLS",
      "HTTP_MEMORY",      "HTTP_HEADS",        "SLOW_BODY",   "CONNECTIONS",     "DESCRIPTORS"};
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

const std::vector<std::string>& CodeNames() {
  static const auto* const names = [] {
    auto* codes = new std::vector<std::string>;
    for (const grpc::StatusCode code : RpcCodes()) codes->push_back(RpcCodeName(code));
    return codes;
  }();
  return *names;
}

size_t BudgetLevel(std::optional<double> compute) {
  if (!compute.has_value()) return kNoBudget;
  const double tenths = std::ceil(10 * *compute - 1e-6);
  return static_cast<size_t>(std::clamp(tenths, 1.0, 10.0)) - 1;
}

const std::vector<std::string>& BudgetNames() {
  static const auto* const names = [] {
    auto* budgets = new std::vector<std::string>;
    for (size_t level = 0; level < kNoBudget; ++level) {
      budgets->push_back(absl::StrFormat("%.1f", static_cast<double>(level + 1) / 10));
    }
    budgets->push_back("none");
    return budgets;
  }();
  return *names;
}

std::string BudgetLabel(std::optional<double> compute) {
  return BudgetNames()[BudgetLevel(compute)];
}

size_t IndexOf(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) - names.begin();
}

LabelGrid<Histogram>::Add AddTo(Family<Histogram>& family, const Buckets& buckets) {
  return [&family, &buckets](const Labels& labels) -> Histogram& {
    return family.Add(labels, buckets);
  };
}

Family<Counter>& MakeCounter(const MetricSpec& spec, prometheus::Registry& registry) {
  return prometheus::BuildCounter().Name(spec.name).Help(spec.help).Register(registry);
}
Family<Gauge>& MakeGauge(const MetricSpec& spec, prometheus::Registry& registry) {
  return prometheus::BuildGauge().Name(spec.name).Help(spec.help).Register(registry);
}
Family<Histogram>& MakeHistogram(const MetricSpec& spec, prometheus::Registry& registry) {
  return prometheus::BuildHistogram().Name(spec.name).Help(spec.help).Register(registry);
}

}  // namespace snapvit
