// Metrics: every Prometheus metric of the server. Names, label values and buckets are declared in
// metric_table.h; the rest of the server records events in plain types.
#ifndef SNAPVIT_SERVER_METRICS_H_
#define SNAPVIT_SERVER_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/latency_window.h"

namespace snapvit {

enum class RpcMethod { kEmbed, kClassify, kInfer };

// Label `budget` of a compute share: ceil(10·compute − 1e-6)/10 as "%.1f"; "none" if nothing was
// served.
std::string BudgetLabel(std::optional<double> compute);

// A request (or one message of a stream) that ended.
struct RequestEvent {
  RpcMethod method = RpcMethod::kEmbed;
  std::string_view tenant;
  std::string_view code;                 // gRPC's name
  absl::Duration duration;               // from arrival to the reply
  std::optional<double> served_compute;  // lowest of its items; nothing if none was served
};

// An image that was computed.
struct ItemEvent {
  std::string_view tenant;
  double requested_compute = 1;
  double served_compute = 1;
  std::string_view degraded_reason;  // "load", "tenant_limit", …; empty: served as requested
  double flops = 0;
  std::optional<double> estimated_fidelity;
  absl::Duration queue_time;
  absl::Duration decode_time;
  absl::Duration compute_time;
};

// What the governor leaves to a tenant.
struct GovernorCap {
  std::string tenant;
  double compute = 1;  // rungs of more are not served to it
};

// What is read when a scrape comes.
struct GaugeValues {
  double queue_items = 0;
  double queue_bytes = 0;
  double queue_seconds = 0;  // engine time that the waiting items need
  double workers = 0;
  double utilization = 0;   // share of the workers' time that they computed
  double demand_ratio = 0;  // 10 s rate of demand seconds ÷ workers
  bool ready = false;
  std::string dtype;  // of the model that is served; empty: none yet
  double calls = 0;   // open: gRPC's, streams among them, and HTTP's
  double streams = 0;
  double grpc_connections = 0;
  double admin_connections = 0;
  std::vector<GovernorCap> caps;  // of the tenants in force
};

// Items of one tenant since the start.
struct TenantItemCounts {
  uint64_t degraded = 0;  // served below what they asked for
  uint64_t shed = 0;      // refused or dropped because of load, limits or deadlines
};

// Configuration that is read again while the server runs.
enum class ConfigFile { kTenants, kTls };

// What was turned away: for who it came from, or to protect the server.
enum class Refusal {
  kUnauthenticated,
  kPermissionDenied,
  kTooLarge,         // images, messages of too many fields, bodies of HTTP calls
  kTooManyImages,    // in a request
  kCalls,            // open at the same time
  kConnectionCalls,  // likewise, of one connection
  kStreams,          // likewise
  kStreamIdle,       // nothing came on a stream
  kStalled,          // a reply was not taken
  kHttpCalls,        // under way at the same time
  kHttpMemory,       // of bodies on their way
  kHttpHeads,        // connections without a request, for others
  kSlowBody,         // of an HTTP call
  kConnections,      // of a gRPC listener
  kDescriptors,      // the process had none left for a connection; it was tried again
};

// Tenants that have series of their own, counted over the life of the process: a tenants file that
// changes its names again and again cannot fill Prometheus. The others are counted as "other".
inline constexpr size_t kMostTenantLabels = 100;

// Thread-safe. Recording takes no lock that a scrape holds for long.
class Metrics {
 public:
  struct Options {
    std::string model;
    std::string version;
    std::string device;
  };
  struct LadderRung {
    double compute = 1;
    std::optional<double> fidelity;
  };

  explicit Metrics(Options options);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The ladder that is served from now on, smallest rung first: its label sets appear with zeros.
  void SetLadder(std::span<const LadderRung> rungs);
  // The configured names: their label sets appear with zeros. Names that were configured before
  // keep their series; everything else is counted as "other".
  void SetTenants(std::span<const std::string> names);
  // Called for every scrape, from its thread. Set before the first one.
  void SetGaugeSource(std::function<GaugeValues()> source);

  void RecordRequest(const RequestEvent& event);
  void RecordItem(const ItemEvent& event);
  // An item that ended without a result. `reason` is ErrorInfo's: load, limits and deadlines also
  // count as shed.
  void RecordUnservedItem(std::string_view tenant, std::string_view reason,
                          double requested_compute);
  void RecordRefusal(Refusal refusal);
  void RecordBatch(size_t items, absl::Duration busy);
  void RecordDemand(absl::Duration engine_time);
  // The file was read again, or could not be, and what was in force before still is.
  void RecordReload(ConfigFile file, bool ok);
  // Of the certificate that is in force; without one there is no such metric.
  void SetCertificateExpiry(absl::Time not_after);

  // Sums since the start, for gauges that are rates.
  double demand_seconds() const;
  double busy_seconds() const;
  // Of every budget level that has series, over all methods.
  std::vector<LatencyTotals> RequestLatencies() const;
  // Zeros for a tenant without series of its own.
  TenantItemCounts ItemCounts(std::string_view tenant) const;

  // The text exposition format, version 0.0.4.
  std::string Expose() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_METRICS_H_
