// ServerOptions: everything that can be set about snapvit-server, as one plain value. Parsing is in
// options_parser.h; the table that ties each field to its flag, YAML key and variable is
// option_table.h.
#ifndef SNAPVIT_SERVER_OPTIONS_H_
#define SNAPVIT_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "core/device/device.h"
#include "core/elastic/budget.h"
#include "core/elastic/corrections.h"
#include "core/elastic/execution_dtype.h"
#include "server/connection_limits.h"
#include "server/host_port.h"

namespace snapvit {

enum class OrderAtStart { kWait, kBackground, kNever };
enum class WarmupMode { kOff, kFast, kFull };
enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };
enum class TlsClientAuth { kRequire, kRequest };

// The initialisers are the defaults; --help prints them.
struct ServerOptions {
  // Model.
  std::string model;                    // folder of the checkpoint; required
  std::string model_name;               // empty: the folder's name
  DeviceRequest device;                 // kAuto
  std::optional<ExecutionDtype> dtype;  // nothing: auto

  // Ordering and ladder.
  std::string ordering;  // file; empty: look in cache_dir, then beside the model
  OrderAtStart order_at_start = OrderAtStart::kWait;
  std::optional<absl::Duration> order_time;  // nothing: by the device (execution_plan.h)
  std::string calibration = "synthetic";     // or synthetic:KIND, a folder, a list file
  std::string cache_dir;                     // empty: $XDG_CACHE_HOME/snapvit or ~/.cache/snapvit
  CorrectionMode corrections = CorrectionMode::kFull;
  int rungs = 31;
  std::optional<FloorTarget> floor;  // nothing: by fidelity (model_floor.h)

  // Execution.
  std::string simulated_profile;  // file; empty: the real engine computes
  // Batches computed at the same time, and compute threads of each. Nothing: by the device.
  std::optional<int> workers;
  std::optional<int> threads;
  WarmupMode warmup = WarmupMode::kFast;
  std::string policy = "elastic";  // as MakePolicy (core/scheduling/baseline_policies.h) reads it

  // Listeners.
  HostPort listen{"127.0.0.1", 50051};
  HostPort http{"127.0.0.1", 8080};
  HostPort admin_listen{"127.0.0.1", 50052};
  bool reflection = true;  // of both gRPC listeners

  // Who may use the gRPC and HTTP listeners. Paths; empty: not set.
  std::string tenants;        // not set: one open tenant
  std::string tls_cert;       // PEM; with tls_key; not set: no TLS
  std::string tls_key;        // PEM
  std::string tls_client_ca;  // PEM; not set: clients show no certificates
  TlsClientAuth tls_client_auth = TlsClientAuth::kRequire;

  // Limits.
  int max_images = 64;                             // of one request
  size_t max_pixels = 64'000'000;                  // of one encoded image
  int max_queue_items = 1024;                      // images that wait
  size_t max_queue_bytes = size_t{512} << 20;      // bytes of the images that wait
  absl::Duration drain_grace = absl::Seconds(30);  // from SIGTERM to the exit, at most

  // Limits of connections. Those of max_message_bytes, max_message_memory and max_header_bytes hold
  // for HTTP, too.
  ConnectionLimits connections;
  int max_calls = 4096;    // gRPC calls that are open at the same time
  int max_streams = 1024;  // those of them that are streams
  int max_http_calls = 64;
  absl::Duration stream_idle = absl::Minutes(10);  // for a stream without a message
  absl::Duration reply_time = absl::Minutes(1);    // for a client to take its reply

  // Process.
  std::string ready_file;  // empty: none is written
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  absl::Duration slow_request = absl::InfiniteDuration();  // those that take longer are logged
  bool check = false;  // validate, print the resolved configuration, exit
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_OPTIONS_H_
