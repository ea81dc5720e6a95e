// snapvit bench: a load generator for servers: open or closed loop, any number of streams.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/bench_caller.h"
#include "client/cli/bench_images.h"
#include "client/cli/bench_report.h"
#include "client/cli/bench_run.h"
#include "client/cli/bench_stream.h"
#include "client/cli/delayed_progress.h"
#include "client/cli/output_file.h"
#include "client/cli/remote_flags.h"
#include "client/cli/verb.h"
#include "client/client.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

constexpr double kDefaultSeconds = 10;

struct BenchFlags {
  std::string target;
  TlsFlags tls;
  std::string model_name;
  StreamSettings stream;
  bool strict = false;
  bool no_timeout = false;
  std::string streams_file;
  std::string images = "tensors";
  double duration = 0;  // 0: not given
  uint64_t requests = 0;
  double warmup = 1;
  uint64_t seed = 1;
  int connections = 1;
  int threads = 2;
  double timeout = 60;
  bool json = false;
  std::string svg;
  std::string timeline;
};

absl::StatusOr<std::vector<BenchStream>> ReadAllStreams(const BenchFlags& flags) {
  StreamSettings settings = flags.stream;
  if (flags.strict) settings.strict = "true";
  if (flags.no_timeout) settings.tell_deadline = "false";
  if (!flags.streams_file.empty()) return ReadStreams(flags.streams_file, settings);
  ASSIGN_OR_RETURN(BenchStream stream, ParseStream(settings));
  stream.name = "all";
  std::vector<BenchStream> streams;
  streams.push_back(std::move(stream));
  return streams;
}

absl::StatusOr<BenchPlan> MakePlan(const BenchFlags& flags) {
  BenchPlan plan;
  ASSIGN_OR_RETURN(plan.streams, ReadAllStreams(flags));
  plan.model = flags.model_name;
  plan.warmup = absl::Seconds(flags.warmup);
  plan.seed = flags.seed;
  plan.timeout = absl::Seconds(flags.timeout);
  if (flags.requests > 0) plan.requests = flags.requests;
  const bool endless =
      std::any_of(plan.streams.begin(), plan.streams.end(), [](const BenchStream& stream) {
        return !stream.arrivals.has_value() ||
               stream.arrivals->length() == absl::InfiniteDuration();
      });
  if (flags.duration > 0) {
    plan.duration = absl::Seconds(flags.duration);
  } else if (endless && flags.requests == 0) {
    plan.duration = absl::Seconds(kDefaultSeconds);
  }
  return plan;
}

// The model that the load is for: the size of its input, and whether anybody is there at all.
absl::StatusOr<v1::ModelInfo> GetModel(const BenchFlags& flags, const BenchPlan& plan) {
  client::ClientOptions options;
  options.target = flags.target;
  options.api_key = plan.streams.front().api_key;
  ASSIGN_OR_RETURN(options.tls, ReadTlsOptions(flags.tls));
  ASSIGN_OR_RETURN(const auto client, client::Client::Create(std::move(options)));
  ASSIGN_OR_RETURN(v1::ModelInfo model, client->GetModel(flags.model_name, absl::Seconds(10)));
  if (model.input_size_size() == 3) return model;
  return absl::UnavailableError(
      absl::StrCat("the server has no model yet, its state is ", model.state()));
}

absl::StatusOr<BenchReport> Bench(const BenchFlags& flags) {
  ASSIGN_OR_RETURN(const BenchPlan plan, MakePlan(flags));
  ASSIGN_OR_RETURN(const v1::ModelInfo model, GetModel(flags, plan));
  ASSIGN_OR_RETURN(
      const std::vector<ImageSlice> images,
      MakeBenchImages(flags.images, model.input_size(1), model.input_size(2), flags.seed));
  BenchCaller::Options options;
  options.client.target = flags.target;
  ASSIGN_OR_RETURN(options.client.tls, ReadTlsOptions(flags.tls));
  options.connections = flags.connections;
  options.threads = flags.threads;
  ASSIGN_OR_RETURN(const std::unique_ptr<BenchCaller> caller, BenchCaller::Create(options));
  ASSIGN_OR_RETURN(BenchResult result, RunBench(plan, images, *caller, DelayedProgress("bench")));
  return BenchReport{flags.target, model.name(), flags.seed, plan.warmup, std::move(result)};
}

absl::Status WriteFiles(const BenchFlags& flags, const BenchReport& report) {
  if (!flags.svg.empty()) RETURN_IF_ERROR(WriteFileAtomically(flags.svg, report.TimelineSvg()));
  if (flags.timeline.empty()) return absl::OkStatus();
  return WriteFileAtomically(flags.timeline, report.TimelineCsv());
}

absl::StatusOr<ExitStatus> RunBenchVerb(const BenchFlags& flags) {
  RETURN_IF_ERROR(CheckOutputFile("--svg", flags.svg));
  RETURN_IF_ERROR(CheckOutputFile("--timeline", flags.timeline));
  ASSIGN_OR_RETURN(const BenchReport report, Bench(flags));
  if (flags.json) {
    PrintJson(report.ToJson());
  } else {
    std::fputs(report.ToText().c_str(), stdout);
  }
  const std::string warning = report.Warning();
  if (!warning.empty()) std::fprintf(stderr, "WARNING: %s\n", warning.c_str());
  RETURN_IF_ERROR(WriteFiles(flags, report));
  // What a server sheds is a result like any other.
  return StatusOfItems(report.result.total.ok(), report.result.total.failed());
}

void AddStreamFlags(CLI::App& verb, BenchFlags& flags) {
  StreamSettings& stream = flags.stream;
  verb.add_option("--rate", stream.rate,
                  "Open loop: requests per second, or pieces such as 100:5s,100..900:30s,900")
      ->type_name("R");
  verb.add_option("--concurrency", stream.concurrency,
                  "Closed loop: so many requests are always on their way")
      ->type_name("C");
  verb.add_option("--arrivals", stream.arrivals,
                  "constant, poisson (default), gamma:CV2, trace:FILE, or a sum such as "
                  "constant@190+gamma:4@610 (@ gives a part its own rate)")
      ->type_name("A");
  verb.add_option("--budget", stream.budget,
                  "Budget of the requests, or a mix by weight such as 0.5:3,1:1; default: what the "
                  "server gives the tenant")
      ->type_name("MIX");
  verb.add_option("--floor", stream.floor,
                  "How far load may lower the budget: compute (0.4, 40%) or fidelity:0.8")
      ->type_name("B");
  verb.add_flag("--strict", flags.strict, "Serve the budgets as asked, or refuse");
  verb.add_option("--method", stream.method, "embed (default) or classify")->type_name("M");
  verb.add_option("--batch", stream.batch, "Images in a request; default: 1")->type_name("N");
  verb.add_option("--deadline", stream.deadline,
                  "Milliseconds from the intended time: what attainment counts, and what the "
                  "server is told as the request's timeout")
      ->type_name("MS");
  verb.add_flag("--no-timeout", flags.no_timeout, "Do not tell the server of the deadline");
  AddApiKeyFlag(verb, stream.api_key_file);
}

}  // namespace

void AddBenchVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<BenchFlags>();
  CLI::App* verb = app.add_subcommand(
      "bench", "Load generator: latency from the intended send time, attainment, served compute");
  verb->add_option("--target", flags->target, "The server")->required()->type_name("HOST:PORT");
  AddTlsFlags(*verb, flags->tls);
  verb->add_option("--model-name", flags->model_name,
                   "Model of the server; default: the one it has");
  AddStreamFlags(*verb, *flags);
  verb->add_option("--streams", flags->streams_file,
                   "YAML list of streams that run side by side, each with settings named as the "
                   "flags above; what one leaves out it has from the flags")
      ->type_name("FILE");
  verb->add_option("--images", flags->images,
                   "tensors or pixels (synthetic, of the model's input size), or a file or folder "
                   "of images")
      ->capture_default_str();
  verb->add_option("--duration", flags->duration,
                   "Seconds that count; default: until the arrivals or --requests end, else 10")
      ->check(CLI::PositiveNumber);
  verb->add_option("--requests", flags->requests, "Requests that count, of all streams")
      ->check(CLI::PositiveNumber);
  verb->add_option("--warmup", flags->warmup, "Seconds before that, at the first rate, not counted")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->add_option("--seed", flags->seed, "Of arrivals, mixes and synthetic images")
      ->capture_default_str();
  verb->add_option("--connections", flags->connections, "To the server")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  verb->add_option("--threads", flags->threads, "That receive replies; one more sends")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  verb->add_option("--timeout", flags->timeout, "Seconds after which a request has failed")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_flag("--json", flags->json, "One JSON document on standard output");
  verb->add_option("--svg", flags->svg, "Draw rates, latency and served compute over time")
      ->type_name("FILE");
  verb->add_option("--timeline", flags->timeline, "Write them as comma-separated values")
      ->type_name("FILE.csv");
  verb->callback([flags, &chosen] { chosen = [flags] { return RunBenchVerb(*flags); }; });
}

}  // namespace snapvit::cli
