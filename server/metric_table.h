// The table of every metric: names, help, buckets, and the values of labels. Which labels a metric
// has is in tenant_series.h and metrics.cc, where its series are.
#ifndef SNAPVIT_SERVER_METRIC_TABLE_H_
#define SNAPVIT_SERVER_METRIC_TABLE_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/label_grid.h"
#include "server/metrics.h"

namespace snapvit {

struct MetricSpec {
  const char* name;
  const char* help;
};

inline constexpr MetricSpec kRequests = {
    "snapvit_requests_total",
    "Requests that ended, by gRPC code. A message of a stream is a request."};
inline constexpr MetricSpec kItems = {
    "snapvit_items_total", "Images that ended, by the budget level served and asked for."};
inline constexpr MetricSpec kDegraded = {"snapvit_degraded_items_total",
                                         "Images served below what was asked for, by reason."};
inline constexpr MetricSpec kShed = {
    "snapvit_shed_items_total", "Images refused or dropped because of load, limits or deadlines."};
inline constexpr MetricSpec kFlops = {"snapvit_flops_total",
                                      "FLOPs of served images (1 MAC = 2 FLOPs)."};
inline constexpr MetricSpec kDemandSeconds = {
    "snapvit_demand_seconds_total",
    "Engine seconds that all images would have cost as wanted, shed ones included."};
inline constexpr MetricSpec kBusySeconds = {"snapvit_busy_seconds_total",
                                            "Seconds that workers computed."};
inline constexpr MetricSpec kRequestDuration = {"snapvit_request_duration_seconds",
                                                "From arrival of a request to its reply."};
inline constexpr MetricSpec kTenantRequestDuration = {
    "snapvit_tenant_request_duration_seconds",
    "From arrival of a request that was served to its reply, by tenant."};
inline constexpr MetricSpec kQueueDuration = {
    "snapvit_queue_duration_seconds", "Wait of an image, decoding aside, until its batch started."};
inline constexpr MetricSpec kComputeDuration = {"snapvit_compute_duration_seconds",
                                                "Computation of the batch that an image was in."};
inline constexpr MetricSpec kDecodeDuration = {"snapvit_decode_duration_seconds",
                                               "Decoding and preprocessing of an image."};
inline constexpr MetricSpec kBatchItems = {"snapvit_batch_items", "Images in a computed batch."};
inline constexpr MetricSpec kServedCompute = {
    "snapvit_served_compute", "Share of the dense model's FLOPs that images were served with."};
inline constexpr MetricSpec kEstimatedFidelity = {
    "snapvit_estimated_fidelity", "Estimated fidelity of the views that images were served with."};
inline constexpr MetricSpec kQueueItems = {"snapvit_queue_items", "Images that wait."};
inline constexpr MetricSpec kQueueBytes = {"snapvit_queue_bytes",
                                           "Memory of the images that wait."};
inline constexpr MetricSpec kQueueSeconds = {"snapvit_queue_seconds",
                                             "Engine seconds that waiting images need."};
inline constexpr MetricSpec kWorkers = {"snapvit_workers", "Engine workers."};
inline constexpr MetricSpec kUtilization = {
    "snapvit_utilization", "Share of the workers' time spent computing, last 10 s."};
inline constexpr MetricSpec kDemandRatio = {
    "snapvit_demand_ratio",
    "Demand seconds per second and worker, last 10 s: above 1, load is "
    "met by degrading or shedding."};
inline constexpr MetricSpec kLadderFidelity = {
    "snapvit_ladder_fidelity", "Estimated fidelity of each rung of the served ladder."};
inline constexpr MetricSpec kGovernorCap = {
    "snapvit_governor_cap", "Rungs of more compute are not served to the tenant at present."};
inline constexpr MetricSpec kReloads = {"snapvit_config_reloads_total",
                                        "Times that a changed file was read again, by outcome."};
inline constexpr MetricSpec kReloadSuccess = {
    "snapvit_config_last_reload_success",
    "1 unless the file was last found broken: then what was in force before it still is."};
inline constexpr MetricSpec kRefusals = {
    "snapvit_refusals_total",
    "Requests, images, streams and connections turned away by a limit or for who they came from."};
inline constexpr MetricSpec kOpenCalls = {
    "snapvit_open_calls", "Calls that are not answered to the end, streams among them."};
inline constexpr MetricSpec kOpenStreams = {"snapvit_open_streams", "Streams that are open."};
inline constexpr MetricSpec kConnections = {"snapvit_connections",
                                            "Connections that are open, by listener."};
inline constexpr MetricSpec kCertificateExpiry = {
    "snapvit_certificate_expiry_timestamp_seconds",
    "Unix time at which the certificate of the gRPC listener ends."};
inline constexpr MetricSpec kReady = {"snapvit_ready", "1 while requests are accepted, else 0."};
inline constexpr MetricSpec kBuildInfo = {"snapvit_build_info",
                                          "Always 1; the labels say what runs."};

using Buckets = prometheus::Histogram::BucketBoundaries;

// Bounds are never whole numbers: Prometheus 3 would rename le="1" to le="1.0" and break queries
// that name it.
const Buckets& LatencyBuckets();  // seconds
const Buckets& BatchBuckets();    // images
const Buckets& ComputeBuckets();  // share of the dense model's
const Buckets& FidelityBuckets();

// Values of labels; series are found by their positions.
inline constexpr RpcMethod kMethods[] = {RpcMethod::kEmbed, RpcMethod::kClassify,
                                         RpcMethod::kInfer};
const std::vector<std::string>& MethodNames();
const std::vector<std::string>& DegradedReasons();
const std::vector<std::string>& ShedReasons();
const std::vector<std::string>& RefusalReasons();  // as the values of Refusal
const std::vector<std::string>& ConfigNames();     // as the values of ConfigFile
const std::vector<std::string>& ReloadResults();   // by bool
const std::vector<std::string>& CodeNames();       // of gRPC

// Levels 0 … 9 are the budgets 0.1 … 1.0; the last is "none".
inline constexpr size_t kBudgetLevels = 11;
inline constexpr size_t kNoBudget = kBudgetLevels - 1;
size_t BudgetLevel(std::optional<double> compute);
const std::vector<std::string>& BudgetNames();

// Position of `name`; the number of names if it is not among them.
size_t IndexOf(const std::vector<std::string>& names, std::string_view name);

prometheus::Family<prometheus::Counter>& MakeCounter(const MetricSpec& spec,
                                                     prometheus::Registry& registry);
prometheus::Family<prometheus::Gauge>& MakeGauge(const MetricSpec& spec,
                                                 prometheus::Registry& registry);
prometheus::Family<prometheus::Histogram>& MakeHistogram(const MetricSpec& spec,
                                                         prometheus::Registry& registry);

// How a LabelGrid makes series of a family, which is borrowed, as the buckets are.
template <typename M>
typename LabelGrid<M>::Add AddTo(prometheus::Family<M>& family) {
  return [&family](const prometheus::Labels& labels) -> M& { return family.Add(labels); };
}
LabelGrid<prometheus::Histogram>::Add AddTo(prometheus::Family<prometheus::Histogram>& family,
                                            const Buckets& buckets);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_METRIC_TABLE_H_
