// snapvit-server: serves one Vision Transformer at any compute budget. Options: --help.
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
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
#include "core/snapvit/elastic_loader.h"
#include "server/library_logs.h"
#include "server/log.h"
#include "server/option_manual.h"
#include "server/options_parser.h"
#include "server/server.h"
#include "server/simulated_profile.h"
#include "server/tenant_directory.h"
#include "server/tls_certificates.h"

namespace snapvit {
namespace {

enum ExitStatus { kDone = 0, kFailed = 1, kWrongUsage = 2 };

// SIGTERM and SIGINT drain; a second one ends the process at once. SIGHUP reads the tenants file
// and the certificates again.
class Signals {
 public:
  // Before other threads start: they inherit that these signals wait for Watch().
  Signals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  // `server` and `log` live until the process ends.
  void Watch(Server* server, const Logger* log) const {
    std::thread([signals = signals_, server, log] {
      int signal = Await(signals);
      while (signal == SIGHUP) {
        server->ReloadFiles();
        signal = Await(signals);
      }
      log->Info("draining", {{"signal", strsignal(signal)}, {"again", "exits at once"}});
      server->RequestStop();
      while ((signal = Await(signals)) == SIGHUP) {
      }
      _exit(128 + signal);
    }).detach();
  }

 private:
  static int Await(const sigset_t& signals) {
    int signal = 0;
    sigwait(&signals, &signal);
    return signal;
  }

  sigset_t signals_;
};

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

// --check: whether the model and its ordering could be served.
absl::Status CheckModel(const ServerOptions& options) {
  if (!options.simulated_profile.empty()) {
    return ReadSimulatedProfile(options.simulated_profile).status();
  }
  ElasticLoaderOptions loader_options;
  loader_options.model_dir = options.model;
  loader_options.ordering_file = options.ordering;
  loader_options.cache_dir = options.cache_dir;
  RETURN_IF_ERROR(OpenDevice(options.device).status());
  ASSIGN_OR_RETURN(const auto loader, ElasticLoader::Create(loader_options));
  return loader->FindOrdering().status();
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
  const Signals signals;
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
  signals.Watch(server->get(), &log);
  const absl::Status status = (*server)->Wait();
  if (!status.ok()) log.Error("model_not_loaded", {{"reason", std::string(status.message())}});
  const bool complete = (*server)->Drain();
  log.Info("stopped", {{"all_requests_answered", complete}});
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
