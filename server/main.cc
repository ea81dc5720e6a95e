// snapvit-server: serves one Vision Transformer at any compute budget. Options: --help.
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/base/status_macros.h"
#include "core/device/open_device.h"
#include "core/image/preprocessing.h"
#include "core/snapvit/calibration.h"
#include "core/snapvit/elastic_loader.h"
#include "server/library_logs.h"
#include "server/loader_options.h"
#include "server/log.h"
#include "server/option_manual.h"
#include "server/options_parser.h"
#include "server/server.h"
#include "server/signal_watch.h"
#include "server/simulated_profile.h"
#include "server/tenant_directory.h"
#include "server/tls_certificates.h"

namespace snapvit {
namespace {

enum ExitStatus { kDone = 0, kFailed = 1, kWrongUsage = 2 };

// A mapped file that became shorter than it was is known by a signal alone. Nothing of ours can be
// trusted then, but why the process ends is said.
[[noreturn]] void OnLostFile(int signal) {
  constexpr char kReason[] =
      "snapvit-server: a file could not be read any more while it was mapped: the model was "
      "replaced "
      "in place or its disk failed. Put new files beside old ones and rename them\n";
  const ssize_t ignored = write(STDERR_FILENO, kReason, sizeof(kReason) - 1);
  static_cast<void>(ignored);
  _exit(128 + signal);
}

void HandleFaultsOfFiles() {
  struct sigaction lost = {};
  lost.sa_handler = OnLostFile;
  sigaction(SIGBUS, &lost, nullptr);
  signal(SIGXFSZ, SIG_IGN);  // files that may not grow are errors like full disks
}

// gRPC answers on about a hundred threads. By default each core has eight heaps for them, among
// which what is freed lies scattered: the process grows for hours.
void ShareHeaps() {
  const unsigned cores = std::thread::hardware_concurrency();
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(2U, cores)));
}

// Debian builds Abseil so that every lock, gRPC's too, is entered into one graph under one spin
// lock, to find deadlocks: threads wait for that more than for each other.
void KeepNoLockGraph() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

// --check: whether the model and its ordering could be served, or the ordering computed.
absl::Status CheckModel(const ServerOptions& options) {
  if (!options.simulated_profile.empty()) {
    return ReadSimulatedProfile(options.simulated_profile).status();
  }
  ASSIGN_OR_RETURN(OpenedDevice device, OpenDevice(options.device));
  const ElasticLoaderOptions loader_options = LoaderOptions(options, std::move(device));
  ASSIGN_OR_RETURN(const auto loader, ElasticLoader::Create(loader_options));
  ASSIGN_OR_RETURN(const auto ordering, loader->FindOrdering());
  const bool complete = ordering.has_value() && !loader->NeedsCompletion(*ordering);
  if (complete || options.order_at_start == OrderAtStart::kNever) return absl::OkStatus();
  // That it opens: its images have no size before they are drawn.
  return OpenCalibration(options.calibration, loader_options.calibration_images, Preprocessing(),
                         loader_options.seed)
      .status();
}

// --check: whether the tenants file and the certificates could be used.
absl::Status CheckAccess(const ServerOptions& options) {
  TenantDirectory::Options tenants;
  tenants.path = options.tenants;
  RETURN_IF_ERROR(TenantDirectory::Create(std::move(tenants)).status());
  if (options.tls_cert.empty()) return absl::OkStatus();
  return ReadTlsIdentity({options.tls_cert, options.tls_key, options.tls_client_ca}).status();
}

int Fail(const absl::Status& status, ExitStatus exit_status) {
  std::fprintf(stderr, "snapvit-server: %s\n", std::string(status.message()).c_str());
  return exit_status;
}

int Check(const ParsedOptions& parsed) {
  std::fputs(PrintOptions(parsed).c_str(), stdout);
  absl::Status checked = CheckModel(parsed.options);
  checked.Update(CheckAccess(parsed.options));
  return checked.ok() ? kDone : Fail(checked, kWrongUsage);
}

int Serve(const ServerOptions& options) {
  SignalWatch signals;
  // Never destroyed: libraries log from threads of theirs until the process ends.
  const Logger& log = *new Logger(options.log_level, options.log_format);
  TakeLibraryLogs(&log, Clock::Monotonic());
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(options, &log);
  if (!server.ok()) {
    log.Error("start_failed", {{"reason", std::string(server.status().message())}});
    return kWrongUsage;
  }
  log.Info("listening", {{"grpc", (*server)->grpc_address().ToString()},
                         {"http", (*server)->http_address().ToString()},
                         {"admin", (*server)->admin_address().ToString()},
                         {"version", SNAPVIT_VERSION}});
  signals.Start(
      {.reload = [&] { (*server)->ReloadFiles(); },
       .stop =
           [&](int signal) {
             log.Info("draining", {{"signal", strsignal(signal)}, {"again", "exits at once"}});
             (*server)->RequestStop();
           }});
  const absl::Status status = (*server)->Wait();
  if (!status.ok()) log.Error("model_not_loaded", {{"reason", std::string(status.message())}});
  const bool complete = (*server)->Drain();
  log.Info("stopped", {{"all_requests_answered", complete}});
  signals.End();  // before the server goes
  return status.ok() ? kDone : kFailed;
}

int Main(int argc, char** argv) {
  const absl::StatusOr<ParsedOptions> parsed =
      ParseOptions(std::vector<std::string>(argv + 1, argv + argc), ProcessEnvironment());
  if (!parsed.ok()) return Fail(parsed.status(), kWrongUsage);
  if (parsed->help) {
    std::fputs(OptionsHelp().c_str(), stdout);
    return kDone;
  }
  if (parsed->version) {
    std::puts("snapvit-server " SNAPVIT_VERSION);
    return kDone;
  }
  if (parsed->manual.has_value()) {
    std::fputs(RenderManual(DescribeServer(SNAPVIT_VERSION), *parsed->manual).c_str(), stdout);
    return kDone;
  }
  HandleFaultsOfFiles();
  ShareHeaps();
  KeepNoLockGraph();
  return parsed->options.check ? Check(*parsed) : Serve(parsed->options);
}

}  // namespace
}  // namespace snapvit

int main(int argc, char** argv) { return snapvit::Main(argc, argv); }
