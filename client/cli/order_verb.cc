// snapvit order: computes the ordering of a model from unlabelled images, and writes it to a file.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/compute_thread.h"
#include "client/cli/delayed_progress.h"
#include "client/cli/device_flag.h"
#include "client/cli/output_file.h"
#include "client/cli/verb.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "core/model/fingerprint.h"
#include "core/model/torch_device.h"
#include "core/snapvit/dtype_choice.h"
#include "core/snapvit/order.h"
#include "core/snapvit/published_order.h"

namespace snapvit::cli {
namespace {

constexpr char kDefault[] = "default";
constexpr char kPublished[] = "published";
constexpr char kAuto[] = "auto";

struct OrderFlags {
  std::string model;
  std::string images = "synthetic";  // what OpenCalibration reads
  std::string recipe = kDefault;
  std::optional<size_t> count;     // default: the recipe's
  std::optional<int> evaluations;  // of the published recipe
  uint64_t seed = OrderOptions().seed;
  double time_limit_seconds = 0;  // 0: none
  std::string device = "cpu";
  std::string dtype = kAuto;
  int threads = 0;
  std::string corrections = "full";
  std::string trace;  // of the published recipe; empty: none
  std::string output;

  bool published() const { return recipe == kPublished; }
  size_t gradient_images() const {
    return count.value_or(published() ? PublishedOrderOptions().images : OrderOptions().images);
  }
  size_t images_needed() const {
    return published() ? PublishedCalibrationImagesFor(gradient_images())
                       : CalibrationImagesFor(gradient_images());
  }
  absl::Duration time_limit() const {
    return time_limit_seconds > 0 ? absl::Seconds(time_limit_seconds) : absl::InfiniteDuration();
  }
  // What a stopped run resumes from.
  std::string checkpoint() const { return output + ".partial"; }
};

// An ordering, and how its search went; the default recipe has no search.
struct OrderResult {
  Ordering ordering;
  std::vector<SearchStep> steps;
  int evaluations = 0;     // that were asked for
  bool cut_short = false;  // the default recipe, by time

  bool finished() const { return static_cast<int>(steps.size()) == evaluations && !cut_short; }
};

ExecutionDtype DtypeOf(const OrderFlags& flags, const VitConfig& config, const Device& device) {
  const bool on_gpu = device.kind == Device::Kind::kCuda;
  if (const auto named = DtypeNamed(flags.dtype); named.has_value()) return *named;
  return Bfloat16IsFast(config, on_gpu) ? ExecutionDtype::kBFloat16 : ExecutionDtype::kFloat32;
}

absl::StatusOr<OrderResult> Compute(const OrderFlags& flags, const Device& device) {
  ASSIGN_OR_RETURN(ModelFolder folder, LoadModelFolder(flags.model));
  ASSIGN_OR_RETURN(const std::string fingerprint, ModelFingerprint(flags.model, /*cache_dir=*/""));
  ASSIGN_OR_RETURN(
      const std::unique_ptr<CalibrationSource> source,
      OpenCalibration(flags.images, flags.images_needed(), folder.preprocessing, flags.seed));
  RETURN_IF_ERROR(MoveWeights(device, folder));
  const ExecutionDtype dtype = DtypeOf(flags, folder.config, device);
  const ProgressFn progress = DelayedProgress("ordering");
  const auto warn = [](const std::string& text) {
    std::fprintf(stderr, "snapvit order: warning: %s\n", text.c_str());
  };
  OrderResult result;
  if (flags.published()) {
    PublishedOrderOptions options;
    options.images = flags.gradient_images();
    options.evaluations = flags.evaluations.value_or(options.evaluations);
    options.seed = flags.seed;
    options.time_limit = flags.time_limit();
    options.dtype = options.search_dtype = dtype;
    options.checkpoint = flags.checkpoint();
    options.on_step = [&result](const SearchStep& step) { result.steps.push_back(step); };
    options.warn = warn;
    result.evaluations = options.evaluations;
    ASSIGN_OR_RETURN(result.ordering,
                     ComputePublishedOrdering(folder, fingerprint, *source, options, progress));
  } else {
    OrderOptions options;
    options.images = flags.gradient_images();
    options.seed = flags.seed;
    options.time_limit = flags.time_limit();
    options.dtype = options.search_dtype = dtype;
    options.checkpoint = flags.checkpoint();
    options.warn = warn;
    ASSIGN_OR_RETURN(options.ladder.corrections, ParseCorrectionMode(flags.corrections));
    ASSIGN_OR_RETURN(result.ordering, ComputeOrdering(folder, fingerprint, *source, options,
                                                      progress, &result.cut_short));
  }
  return result;
}

// What a stopped run leaves behind, for the message.
absl::Status Stopped(const OrderFlags& flags, const absl::Status& status) {
  const bool resumes = std::filesystem::exists(flags.checkpoint());
  return absl::CancelledError(
      absl::StrCat(std::string(status.message()), "; ",
                   resumes ? absl::StrCat("the same command resumes from ", flags.checkpoint())
                           : "nothing was written, the same command starts anew"));
}

absl::Status WriteTrace(const std::vector<SearchStep>& steps, const std::string& path) {
  std::string csv = "evaluation,seconds,best_fitness\n";
  for (const SearchStep& step : steps) {
    absl::StrAppendFormat(&csv, "%d,%.3f,%.9g\n", step.evaluation, step.seconds, step.best_fitness);
  }
  if (path != "-") return WriteFileAtomically(path, csv);
  std::fputs(csv.c_str(), stdout);
  return absl::OkStatus();
}

absl::Status CheckFlags(const OrderFlags& flags) {
  if (flags.published() || (!flags.evaluations.has_value() && flags.trace.empty())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "--evaluations and --trace belong to the search of --recipe published");
}

// REQUIRES: the ordering is written.
void EndSearch(const OrderFlags& flags, const OrderResult& result) {
  if (result.finished()) {
    std::error_code ignored;  // a file that is left is recognised as finished, or as another search
    std::filesystem::remove(flags.checkpoint(), ignored);
    return;
  }
  if (result.cut_short) {
    std::fprintf(stderr,
                 "snapvit order: time was up before everything was done; with a longer "
                 "--time-limit, or none, the same command goes on from what is whole in %s\n",
                 flags.checkpoint().c_str());
    return;
  }
  std::fprintf(stderr,
               "snapvit order: time was up after %d of %d evaluations; the same command goes on "
               "from %s\n",
               static_cast<int>(result.steps.size()), result.evaluations,
               flags.checkpoint().c_str());
}

absl::StatusOr<ExitStatus> RunOrder(const OrderFlags& flags) {
  RETURN_IF_ERROR(CheckFlags(flags));
  RETURN_IF_ERROR(CheckOutputFile("--output", flags.output));
  if (flags.trace != "-") RETURN_IF_ERROR(CheckOutputFile("--trace", flags.trace));
  ASSIGN_OR_RETURN(const OpenedDevice opened, OpenDeviceFlag(flags.device));
  ASSIGN_OR_RETURN(const std::unique_ptr<ComputeThread> compute,
                   ComputeThread::Create(flags.threads));
  const absl::StatusOr<OrderResult> result =
      compute->Run([&] { return Compute(flags, opened.device); });
  if (absl::IsCancelled(result.status())) return Stopped(flags, result.status());
  RETURN_IF_ERROR(result.status());
  const Ordering& ordering = result->ordering;
  RETURN_IF_ERROR(WriteOrdering(ordering, flags.output));
  EndSearch(flags, *result);
  if (!flags.trace.empty()) RETURN_IF_ERROR(WriteTrace(result->steps, flags.trace));
  std::printf("%s: ordering %s of %d blocks, %d channels and %d heads each, from %s\n",
              flags.output.c_str(), ordering.Id().c_str(), ordering.blocks, ordering.hidden,
              ordering.heads, ordering.calibration_source.c_str());
  return ExitStatus::kDone;
}

}  // namespace

void AddOrderVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<OrderFlags>();
  CLI::App* verb = app.add_subcommand(
      "order", "Compute in which order heads and channels matter, without labels or training");
  verb->add_option("--model", flags->model, "Model folder")->required()->type_name("DIR");
  verb->add_option("--images", flags->images,
                   absl::StrFormat("Unlabelled images, at least %d: a folder, a text file with one "
                                   "path a line, or drawn by program: synthetic, "
                                   "synthetic:leaves, synthetic:noise, synthetic:shapes",
                                   kFewestCalibrationImages))
      ->type_name("DIR|FILE|NAME")
      ->capture_default_str();
  verb->add_option("--recipe", flags->recipe,
                   "default: gradients, then a budget path found greedily; published: SnapViT's, "
                   "gradients and a search for multipliers")
      ->check(CLI::IsMember({kDefault, kPublished}))
      ->capture_default_str();
  verb->add_option("--count", flags->count,
                   absl::StrFormat("Images for the gradients, and with --recipe published as many "
                                   "again for the search; default: %d, published %d",
                                   OrderOptions().images, PublishedOrderOptions().images))
      ->check(CLI::Range(size_t{2}, size_t{1'000'000}));
  verb->add_option(
          "--evaluations", flags->evaluations,
          absl::StrFormat("Candidates that the published search tries; 0: gradient scores as "
                          "they are; default: %d",
                          PublishedOrderOptions().evaluations))
      ->check(CLI::Range(0, 1'000'000));
  verb->add_option("--trace", flags->trace,
                   "Write evaluation, seconds and best fitness of the published search as CSV; -: "
                   "to standard output")
      ->type_name("FILE");
  verb->add_option("--corrections", flags->corrections,
                   "What views will be served with: the default recipe searches the path for it")
      ->check(CLI::IsMember({"none", "bias", "full"}))
      ->capture_default_str();
  verb->add_option("--seed", flags->seed, "Seed of everything random")->capture_default_str();
  verb->add_option("--time-limit", flags->time_limit_seconds,
                   "Seconds after which the best so far is kept; 0: none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  AddDeviceFlag(*verb, flags->device);
  verb->add_option("--dtype", flags->dtype,
                   "What views are searched and their fidelity is measured in; auto: bf16 where "
                   "that is faster; fp32 is the reference")
      ->check(CLI::IsMember({kAuto, "fp32", "bf16"}))
      ->capture_default_str();
  verb->add_option("--threads", flags->threads, "Compute threads; 0: all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  verb->add_option("-o,--output", flags->output, "Ordering file to write")
      ->required()
      ->type_name("FILE");
  verb->callback([flags, &chosen] { chosen = [flags] { return RunOrder(*flags); }; });
}

}  // namespace snapvit::cli
