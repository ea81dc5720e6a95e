#include "server/option_table.h"

#include <algorithm>
#include <iterator>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "core/base/status_macros.h"
#include "core/scheduling/baseline_policies.h"
#include "server/option_values.h"

namespace snapvit {
namespace {

using Options = ServerOptions;

constexpr EnumName<OrderAtStart> kOrderAtStart[] = {{"wait", OrderAtStart::kWait},
                                                    {"background", OrderAtStart::kBackground},
                                                    {"never", OrderAtStart::kNever}};
constexpr EnumName<WarmupMode> kWarmups[] = {
    {"off", WarmupMode::kOff}, {"fast", WarmupMode::kFast}, {"full", WarmupMode::kFull}};
constexpr EnumName<LogLevel> kLogLevels[] = {{"debug", LogLevel::kDebug},
                                             {"info", LogLevel::kInfo},
                                             {"warning", LogLevel::kWarning},
                                             {"error", LogLevel::kError}};
constexpr EnumName<TlsClientAuth> kTlsClientAuths[] = {{"require", TlsClientAuth::kRequire},
                                                       {"request", TlsClientAuth::kRequest}};
constexpr EnumName<bool> kOnOff[] = {{"on", true}, {"off", false}};
constexpr EnumName<LogFormat> kLogFormats[] = {{"text", LogFormat::kText},
                                               {"json", LogFormat::kJson}};

template <typename T>
absl::Status SetWhole(std::string_view text, int64_t low, int64_t high, T& value) {
  ASSIGN_OR_RETURN(const int64_t whole, ParseWhole(text, low, high));
  value = static_cast<T>(whole);
  return absl::OkStatus();
}

absl::Status SetBytes(std::string_view text, size_t low, size_t high, size_t& value) {
  ASSIGN_OR_RETURN(value, ParseBytes(text, low, high));
  return absl::OkStatus();
}

absl::Status SetHostPort(std::string_view text, HostPort& value) {
  absl::StatusOr<HostPort> parsed = ParseHostPort(text);
  if (!parsed.ok()) {
    return BadValue(text,
                    "HOST:PORT such as 127.0.0.1:50051, [::1]:50051 or 0.0.0.0:0 (port 0: any "
                    "free port)");
  }
  value = *std::move(parsed);
  return absl::OkStatus();
}

absl::Status SetDevice(std::string_view text, Options& o) {
  ASSIGN_OR_RETURN(o.device, ParseDeviceRequest(text));
  return absl::OkStatus();
}

std::string GetDevice(const Options& o) {
  if (o.device.kind == DeviceRequest::Kind::kAuto) return "auto";
  const bool cpu = o.device.kind == DeviceRequest::Kind::kCpu;
  return Device{cpu ? Device::Kind::kCpu : Device::Kind::kCuda, o.device.index}.ToString();
}

absl::Status SetDtype(std::string_view text, Options& o) {
  o.dtype = DtypeNamed(text);
  if (o.dtype.has_value() || text == "auto") return absl::OkStatus();
  return BadValue(text, "one of auto, fp32, bf16, int8");
}

std::string GetDtype(const Options& o) {
  return o.dtype.has_value() ? std::string(DtypeName(*o.dtype)) : "auto";
}

absl::Status SetPolicy(std::string_view text, Options& o) {
  if (!MakePolicy(text, /*workers=*/1, /*max_batch=*/1).ok()) {
    return BadValue(
        text, "elastic, slackfit, slackfit:MS, max-accuracy, max-batch, lowest or fixed:RUNG");
  }
  o.policy = std::string(text);
  return absl::OkStatus();
}

absl::Status SetCorrections(std::string_view text, Options& o) {
  const absl::StatusOr<CorrectionMode> mode = ParseCorrectionMode(text);
  if (!mode.ok()) return BadValue(text, "none, bias or full");
  o.corrections = *mode;
  return absl::OkStatus();
}

absl::Status SetPeriod(std::string_view text, absl::Duration& value) {
  if (text == "unlimited") {
    value = absl::InfiniteDuration();
    return absl::OkStatus();
  }
  const absl::StatusOr<absl::Duration> time = ParseSeconds(text);
  if (!time.ok() || *time <= absl::ZeroDuration()) {
    return BadValue(text, "a duration above zero such as 30s or 5m, or unlimited");
  }
  value = *time;
  return absl::OkStatus();
}

std::string FormatPeriod(absl::Duration value) {
  return value == absl::InfiniteDuration() ? "unlimited" : absl::FormatDuration(value);
}

absl::Status SetFloor(std::string_view text, Options& o) {
  absl::StatusOr<FloorTarget> floor = ParseFloor(text);
  if (!floor.ok()) {
    return BadValue(text, "the smallest compute to serve, such as 0.4 or 40%, or fidelity:0.8");
  }
  o.floor = *floor;
  return absl::OkStatus();
}

std::string GetFloor(const Options& o) {
  if (!o.floor.has_value()) return "";
  return std::visit([](const auto& floor) { return FormatBudgetTarget(BudgetTarget(floor)); },
                    *o.floor);
}

// "auto" is nothing.
absl::Status SetWholeOrAuto(std::string_view text, int64_t high, std::optional<int>& value) {
  if (text == "auto") {
    value.reset();
    return absl::OkStatus();
  }
  const absl::StatusOr<int64_t> whole = ParseWhole(text, 1, high);
  if (!whole.ok()) return BadValue(text, absl::StrCat("auto or a whole number from 1 to ", high));
  value = static_cast<int>(*whole);
  return absl::OkStatus();
}

std::string FormatOrAuto(const std::optional<int>& value) {
  return value.has_value() ? absl::StrCat(*value) : "auto";
}

absl::Status SetOrderTime(std::string_view text, Options& o) {
  if (text == "auto") {
    o.order_time.reset();
    return absl::OkStatus();
  }
  absl::Duration time;
  if (!SetPeriod(text, time).ok()) {
    return BadValue(text, "auto, unlimited, or a duration above zero such as 30s or 5m");
  }
  o.order_time = time;
  return absl::OkStatus();
}

absl::Status SetDrainGrace(std::string_view text, Options& o) {
  ASSIGN_OR_RETURN(o.drain_grace, ParseSeconds(text));
  return absl::OkStatus();
}

absl::Status SetSlowRequest(std::string_view text, Options& o) {
  if (text == "off") {
    o.slow_request = absl::InfiniteDuration();
    return absl::OkStatus();
  }
  const absl::StatusOr<absl::Duration> time = ParseSeconds(text);
  if (!time.ok() || *time <= absl::ZeroDuration()) {
    return BadValue(text, "a duration above zero such as 500ms or 2s, or off");
  }
  o.slow_request = *time;
  return absl::OkStatus();
}

std::string GetSlowRequest(const Options& o) {
  return o.slow_request == absl::InfiniteDuration() ? "off" : absl::FormatDuration(o.slow_request);
}

absl::Status SetCheck(std::string_view text, Options& o) {
  ASSIGN_OR_RETURN(o.check, ParseBool(text));
  return absl::OkStatus();
}

constexpr char kSimulated[] = "simulated:";

absl::Status SetEngine(std::string_view text, Options& o) {
  if (text == "real") {
    o.simulated_profile.clear();
    return absl::OkStatus();
  }
  const std::string_view prefix = kSimulated;
  if (text.substr(0, prefix.size()) != prefix || text.size() == prefix.size()) {
    return BadValue(text, "real, or simulated:PROFILE.json");
  }
  o.simulated_profile = std::string(text.substr(prefix.size()));
  return absl::OkStatus();
}

std::string GetEngine(const Options& o) {
  return o.simulated_profile.empty() ? "real" : kSimulated + o.simulated_profile;
}

constexpr char kModel[] = "Model";
constexpr char kLadder[] = "Ordering and ladder";
constexpr char kExecution[] = "Execution";
constexpr char kListeners[] = "Listeners";
constexpr char kAccess[] = "Tenants and encryption";
constexpr char kLimits[] = "Limits";
constexpr char kPeers[] = "Limits of connections";
constexpr char kProcess[] = "Process";

// clang-format off
constexpr OptionRow kTable[] = {
    {kModel, "model", "DIR", "Folder of the checkpoint: config.json and model.safetensors. Required.",
     [](std::string_view t, Options& o) { return ParseText(t, o.model); },
     [](const Options& o) { return o.model; }},
    {kModel, "model-name", "NAME", "Name that requests may give; the folder's name if not set.",
     [](std::string_view t, Options& o) { return ParseText(t, o.model_name); },
     [](const Options& o) { return o.model_name; }},
    {kModel, "device", "auto|cpu|cuda|cuda:N",
     "Where the ordering is computed and the model runs; auto: the first GPU if there is a usable one, else the CPU.",
     SetDevice, GetDevice},
    {kModel, "dtype", "auto|fp32|bf16|int8",
     "Precision of the computation; auto: bf16 where that is faster and embeddings stay the same, else fp32. int8: weights in half the memory of bf16, and faster; asks for AMX, AVX-512 VNNI or AVX-VNNI.",
     SetDtype, GetDtype},

    {kLadder, "ordering", "FILE",
     "Ordering to serve by. If not set: the cache folder's, then ordering.safetensors in the model folder.",
     [](std::string_view t, Options& o) { return ParseText(t, o.ordering); },
     [](const Options& o) { return o.ordering; }},
    {kLadder, "order-at-start", "wait|background|never",
     "Without an ordering, or with one that lacks corrections or fidelity: compute what is missing before the server "
     "is ready, or while the dense model is served, or serve what there is.",
     [](std::string_view t, Options& o) { return ParseChoice(t, kOrderAtStart, o.order_at_start); },
     [](const Options& o) { return ChoiceName(kOrderAtStart, o.order_at_start); }},
    {kLadder, "order-time", "DURATION|auto",
     "Longest time to compute an ordering (then the best so far is kept, and the next two starts go on), or unlimited; auto: 5m on a CPU, unlimited on a GPU.",
     SetOrderTime, [](const Options& o) { return o.order_time.has_value() ? FormatPeriod(*o.order_time) : "auto"; }},
    {kLadder, "calibration", "DIR|FILE|NAME",
     "Images to compute the ordering on, at least 12: a folder, a text file with one path a line, or drawn by program: synthetic, "
     "synthetic:leaves, synthetic:noise, synthetic:shapes.",
     [](std::string_view t, Options& o) { return ParseText(t, o.calibration); },
     [](const Options& o) { return o.calibration; }},
    {kLadder, "cache-dir", "DIR", "Where computed orderings are kept; $XDG_CACHE_HOME/snapvit or ~/.cache/snapvit if not set.",
     [](std::string_view t, Options& o) { return ParseText(t, o.cache_dir); },
     [](const Options& o) { return o.cache_dir; }},
    {kLadder, "corrections", "none|bias|full", "What takes the place of pruned units, as far as the ordering has it.", SetCorrections,
     [](const Options& o) { return std::string(CorrectionModeName(o.corrections)); }},
    {kLadder, "rungs", "N", "Views on the ladder, before equal ones are merged.",
     [](std::string_view t, Options& o) { return SetWhole(t, 1, 1000, o.rungs); },
     [](const Options& o) { return absl::StrCat(o.rungs); }},
    {kLadder, "floor", "BUDGET",
     "Smallest view that any reply may use: compute (0.4, 40%) or fidelity:0.8; fidelity:0.9 if not set.",
     SetFloor, GetFloor},

    {kExecution, "engine", "real|simulated:PROFILE.json",
     "What computes. A simulated engine reads no model: batches take the time that the profile says (docs/formats.md), and "
     "results mean nothing.",
     SetEngine, GetEngine},
    {kExecution, "workers", "N|auto", "Batches that are computed at the same time; auto: 2 on a GPU, on a CPU 1, or one for each 16 threads.",
     [](std::string_view t, Options& o) { return SetWholeOrAuto(t, 256, o.workers); },
     [](const Options& o) { return FormatOrAuto(o.workers); }},
    {kExecution, "threads", "N|auto", "Compute threads of each worker; auto shares the cores out, or is 1 for a GPU.",
     [](std::string_view t, Options& o) { return SetWholeOrAuto(t, 1024, o.threads); },
     [](const Options& o) { return FormatOrAuto(o.threads); }},
    {kExecution, "warmup", "off|fast|full",
     "Before the server is ready: nothing, a few views at a few batch sizes, or every view at every one.",
     [](std::string_view t, Options& o) { return ParseChoice(t, kWarmups, o.warmup); },
     [](const Options& o) { return ChoiceName(kWarmups, o.warmup); }},
    {kExecution, "policy", "elastic|slackfit|slackfit:MS|max-accuracy|max-batch|lowest|fixed:RUNG",
     "How rungs and batches are chosen. All but elastic are there to compare with (docs/scheduling.md): they know no tenants.",
     SetPolicy, [](const Options& o) { return o.policy; }},

    {kListeners, "listen", "HOST:PORT", "gRPC listener. Port 0 takes a free one.",
     [](std::string_view t, Options& o) { return SetHostPort(t, o.listen); },
     [](const Options& o) { return o.listen.ToString(); }},
    {kListeners, "http", "HOST:PORT", "HTTP listener: the status page, /v1/embeddings, /v1/classify, /metrics, /healthz, /readyz. Port 0 takes a free one.",
     [](std::string_view t, Options& o) { return SetHostPort(t, o.http); },
     [](const Options& o) { return o.http.ToString(); }},
    {kListeners, "admin-listen", "HOST:PORT",
     "gRPC listener of the service Admin, for operators: it asks nobody who they are. Port 0 takes a free one.",
     [](std::string_view t, Options& o) { return SetHostPort(t, o.admin_listen); },
     [](const Options& o) { return o.admin_listen.ToString(); }},
    {kListeners, "reflection", "on|off", "Whether the gRPC listeners tell everybody what services they have, for grpcurl and the like.",
     [](std::string_view t, Options& o) { return ParseChoice(t, kOnOff, o.reflection); },
     [](const Options& o) { return ChoiceName(kOnOff, o.reflection); }},

    {kAccess, "tenants", "FILE",
     "YAML file of tenants: keys, budgets, shares, limits (docs/tenants.md). Read again when it changes and on "
     "SIGHUP. If not set, everybody is one tenant without limits.",
     [](std::string_view t, Options& o) { return ParseText(t, o.tenants); },
     [](const Options& o) { return o.tenants; }},
    {kAccess, "tls-cert", "FILE",
     "Certificate of the gRPC listener, then its chain, PEM. Read again when it changes. If not set, connections are "
     "not encrypted.",
     [](std::string_view t, Options& o) { return ParseText(t, o.tls_cert); },
     [](const Options& o) { return o.tls_cert; }},
    {kAccess, "tls-key", "FILE", "Private key of that certificate, PEM.",
     [](std::string_view t, Options& o) { return ParseText(t, o.tls_key); },
     [](const Options& o) { return o.tls_key; }},
    {kAccess, "tls-client-ca", "FILE", "Authorities that client certificates must come from, PEM.",
     [](std::string_view t, Options& o) { return ParseText(t, o.tls_client_ca); },
     [](const Options& o) { return o.tls_client_ca; }},
    {kAccess, "tls-client-auth", "require|request",
     "With --tls-client-ca: every client must show a certificate, or it may (then tenants by key can do without).",
     [](std::string_view t, Options& o) { return ParseChoice(t, kTlsClientAuths, o.tls_client_auth); },
     [](const Options& o) { return ChoiceName(kTlsClientAuths, o.tls_client_auth); }},

    {kLimits, "max-images", "N", "Images in one request.",
     [](std::string_view t, Options& o) { return SetWhole(t, 1, 65536, o.max_images); },
     [](const Options& o) { return absl::StrCat(o.max_images); }},
    {kLimits, "max-message-bytes", "BYTES", "Size of one gRPC message, in either direction, and of the body of an HTTP call.",
     [](std::string_view t, Options& o) { return SetBytes(t, 1 << 10, 2147483647, o.connections.max_message_bytes); },
     [](const Options& o) { return FormatBytes(o.connections.max_message_bytes); }},
    {kLimits, "max-pixels", "N", "Pixels of one encoded image, checked before it is decoded.",
     [](std::string_view t, Options& o) { return SetWhole(t, 1, 2'000'000'000, o.max_pixels); },
     [](const Options& o) { return absl::StrCat(o.max_pixels); }},
    {kLimits, "max-queue-items", "N", "Images that may wait.",
     [](std::string_view t, Options& o) { return SetWhole(t, 1, 10'000'000, o.max_queue_items); },
     [](const Options& o) { return absl::StrCat(o.max_queue_items); }},
    {kLimits, "max-queue-bytes", "BYTES", "Memory of the images that wait, encoded and decoded.",
     [](std::string_view t, Options& o) { return SetBytes(t, 1 << 20, size_t{1} << 50, o.max_queue_bytes); },
     [](const Options& o) { return FormatBytes(o.max_queue_bytes); }},
    {kLimits, "drain-grace", "SECONDS", "After SIGTERM or Admin.Drain: how long accepted requests may take until the process exits.",
     SetDrainGrace, [](const Options& o) { return absl::FormatDuration(o.drain_grace); }},

    {kPeers, "max-connections", "N",
     "Connections of the gRPC listener; further ones are closed at once.",
     [](std::string_view t, Options& o) { return SetWhole(t, 1, 1'000'000, o.connections.max_connections); },
     [](const Options& o) { return absl::StrCat(o.connections.max_connections); }},
    {kPeers, "max-calls", "N", "gRPC calls that are open at the same time, streams among them; further ones are refused.",
     [](std::string_view t, Options& o) { return SetWhole(t, 1, 1'000'000, o.max_calls); },
     [](const Options& o) { return absl::StrCat(o.max_calls); }},
    {kPeers, "max-streams", "N", "Streams that are open at the same time.",
     [](std::string_view t, Options& o) { return SetWhole(t, 1, 1'000'000, o.max_streams); },
     [](const Options& o) { return absl::StrCat(o.max_streams); }},
    {kPeers, "max-connection-calls", "N", "gRPC calls of one connection at the same time; its client holds further ones back, and those of a client that does not are refused.",
     [](std::string_view t, Options& o) { return SetWhole(t, 1, 1'000'000, o.connections.max_connection_calls); },
     [](const Options& o) { return absl::StrCat(o.connections.max_connection_calls); }},
    {kPeers, "max-http-calls", "N", "HTTP calls that are answered at the same time; each has a thread.",
     [](std::string_view t, Options& o) { return SetWhole(t, 1, 4096, o.max_http_calls); },
     [](const Options& o) { return absl::StrCat(o.max_http_calls); }},
    {kPeers, "max-header-bytes", "BYTES", "All headers of one call, gRPC or HTTP.",
     [](std::string_view t, Options& o) { return SetBytes(t, 1 << 10, 1 << 20, o.connections.max_header_bytes); },
     [](const Options& o) { return FormatBytes(o.connections.max_header_bytes); }},
    {kPeers, "max-message-memory", "BYTES",
     "gRPC messages that are on their way in, together. Near it, calls are given up. The same for the bodies of HTTP calls, each counted three times: parsing takes that; further ones are refused.",
     [](std::string_view t, Options& o) { return SetBytes(t, 1 << 20, size_t{1} << 50, o.connections.max_message_memory); },
     [](const Options& o) { return FormatBytes(o.connections.max_message_memory); }},
    {kPeers, "handshake-time", "DURATION", "For a new gRPC connection to finish TLS and say that it speaks HTTP/2.",
     [](std::string_view t, Options& o) { return SetPeriod(t, o.connections.handshake_time); },
     [](const Options& o) { return FormatPeriod(o.connections.handshake_time); }},
    {kPeers, "keepalive", "DURATION", "After which a silent gRPC client is asked whether it is there; 20 s later it is dropped.",
     [](std::string_view t, Options& o) { return SetPeriod(t, o.connections.keepalive); },
     [](const Options& o) { return FormatPeriod(o.connections.keepalive); }},
    {kPeers, "connection-idle", "DURATION", "After which a gRPC connection without calls is closed, or unlimited.",
     [](std::string_view t, Options& o) { return SetPeriod(t, o.connections.connection_idle); },
     [](const Options& o) { return FormatPeriod(o.connections.connection_idle); }},
    {kPeers, "connection-age", "DURATION",
     "After which a gRPC connection takes no new calls, or unlimited; a minute later those that it has are cut off.",
     [](std::string_view t, Options& o) { return SetPeriod(t, o.connections.connection_age); },
     [](const Options& o) { return FormatPeriod(o.connections.connection_age); }},
    {kPeers, "stream-idle", "DURATION", "After which a stream on which no message comes and nothing is computed is ended.",
     [](std::string_view t, Options& o) { return SetPeriod(t, o.stream_idle); },
     [](const Options& o) { return FormatPeriod(o.stream_idle); }},
    {kPeers, "reply-time", "DURATION", "For a client to take its reply; then the call is given up.",
     [](std::string_view t, Options& o) { return SetPeriod(t, o.reply_time); },
     [](const Options& o) { return FormatPeriod(o.reply_time); }},

    {kProcess, "ready-file", "FILE", "Written once requests are served: the bound addresses as JSON.",
     [](std::string_view t, Options& o) { return ParseText(t, o.ready_file); },
     [](const Options& o) { return o.ready_file; }},
    {kProcess, "log-level", "debug|info|warning|error", "Least severe events to log, on standard error.",
     [](std::string_view t, Options& o) { return ParseChoice(t, kLogLevels, o.log_level); },
     [](const Options& o) { return ChoiceName(kLogLevels, o.log_level); }},
    {kProcess, "log-format", "text|json", "One line an event: key=value, or a JSON object.",
     [](std::string_view t, Options& o) { return ParseChoice(t, kLogFormats, o.log_format); },
     [](const Options& o) { return ChoiceName(kLogFormats, o.log_format); }},
    {kProcess, "slow-request", "DURATION|off", "Log requests that take longer, with where the time went; at most 5 lines in 10 s.",
     SetSlowRequest, GetSlowRequest},
    {kProcess, "check", "", "Check the configuration and the model, print the resolved configuration, and exit.",
     SetCheck, [](const Options& o) { return std::string(o.check ? "true" : "false"); }},
};
// clang-format on

std::string WithDashes(std::string_view name) {
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  return dashed;
}

}  // namespace

std::string OptionRow::Variable() const {
  return absl::StrCat("SNAPVIT_", absl::StrReplaceAll(absl::AsciiStrToUpper(name), {{"-", "_"}}));
}

std::span<const OptionRow> OptionTable() { return kTable; }

const OptionRow* FindOption(std::string_view name) {
  const std::string dashed = WithDashes(name);
  const auto row = std::find_if(std::begin(kTable), std::end(kTable),
                                [&](const OptionRow& r) { return dashed == r.name; });
  return row == std::end(kTable) ? nullptr : row;
}

}  // namespace snapvit
