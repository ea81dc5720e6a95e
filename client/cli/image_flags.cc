#include "client/cli/image_flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "client/cli/delayed_progress.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

// Images that are read, decoded and answered before the next ones are read: bounds memory.
constexpr size_t kWindow = 64;

// Flags that mean something to one kind of model only.
absl::Status CheckFlagsOf(const ImageFlags& flags, bool local) {
  const auto reject = [local](bool given, const char* flag) {
    if (!given) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(flag, local ? " goes with --target, not with --model"
                                 : " goes with --model, not with --target"));
  };
  if (local) {
    RETURN_IF_ERROR(reject(!flags.model_name.empty(), "--model-name"));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(reject(!flags.model.ordering.empty(), "--ordering"));
  RETURN_IF_ERROR(reject(flags.model.as_is, "--as-is"));
  RETURN_IF_ERROR(reject(!flags.model.cache_dir.empty(), "--cache-dir"));
  return reject(flags.no_exif, "--no-exif");
}

}  // namespace

void AddImageFlags(CLI::App& verb, ImageFlags& flags) {
  verb.add_option("images", flags.images, "JPEG, PNG or WebP files, or folders of them")
      ->required()
      ->type_name("IMAGE");
  AddModelFlags(verb, flags.model);
  AddRemoteFlags(verb, flags.remote);
  verb.add_option("--model-name", flags.model_name, "Model of the server; default: the one it has");
  verb.add_option("--timeout", flags.timeout_seconds, "Seconds for each request, retries included")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb.add_option("--budget", flags.budget,
                  "0.5 or 50% (compute), 4.2gflops, 15ms, fidelity:0.95, sparsity:0.3 or "
                  "mlp:.25/heads:.1; default: 1, or what the server gives the tenant")
      ->type_name("B");
  verb.add_option("--floor", flags.floor,
                  "How far load may lower the budget: compute (0.4, 40%) or fidelity:0.8")
      ->type_name("B");
  verb.add_flag("--strict", flags.strict, "Serve the budget as asked, or fail");
  verb.add_flag("--no-exif", flags.no_exif, "Ignore the EXIF orientation (local models)");
  verb.add_flag("--json", flags.json, "One JSON document on standard output");
  verb.add_option("-o,--output", flags.output, "Write a NumPy array, one row an image")
      ->type_name("FILE.npy");
}

absl::StatusOr<Budget> ReadBudget(const ImageFlags& flags) {
  Budget budget;
  budget.strict = flags.strict;
  if (!flags.budget.empty()) {
    ASSIGN_OR_RETURN(budget.target, ParseBudgetTarget(flags.budget));
  }
  if (!flags.floor.empty()) {
    ASSIGN_OR_RETURN(budget.floor, ParseFloor(flags.floor));
  }
  return budget;
}

absl::StatusOr<std::unique_ptr<ImageModel>> OpenImageModel(const ImageFlags& flags,
                                                           const ImageQuery& query) {
  const bool local = !flags.model.model.empty();
  if (local == !flags.remote.target.empty()) {
    return absl::InvalidArgumentError("give either --model DIR or --target HOST:PORT");
  }
  RETURN_IF_ERROR(CheckFlagsOf(flags, local));
  if (local) {
    LocalModelOptions options;
    ASSIGN_OR_RETURN(options.loader, ToLoaderOptions(flags.model));
    options.threads = flags.model.threads;
    options.exif = !flags.no_exif;
    return OpenLocalModel(options, query);
  }
  RemoteModelOptions options;
  ASSIGN_OR_RETURN(options.client, ToClientOptions(flags.remote));
  options.model = flags.model_name;
  options.timeout = absl::Seconds(flags.timeout_seconds);
  return OpenRemoteModel(options, query);
}

absl::Status ForEachWindow(const ImageFlags& flags, const HandleImages& handle) {
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, ListImages(flags.images));
  const bool lines_on_terminal = !flags.json && flags.output.empty() && isatty(STDOUT_FILENO) == 1;
  ProgressFn progress;
  if (!lines_on_terminal) progress = DelayedProgress("snapvit");
  for (size_t first = 0; first < paths.size(); first += kWindow) {
    const auto window = std::span(paths).subspan(first, std::min(kWindow, paths.size() - first));
    RETURN_IF_ERROR(handle(ReadImages(window)));
    const double done = static_cast<double>(first + window.size());
    if (progress && !progress({"images", done / static_cast<double>(paths.size())})) {
      return absl::CancelledError("interrupted");
    }
  }
  return absl::OkStatus();
}

void ReportImageError(const std::string& file, const absl::Status& error) {
  std::fprintf(stderr, "%s: %s: %s\n", file.c_str(), absl::StatusCodeToString(error.code()).c_str(),
               std::string(error.message()).c_str());
}

}  // namespace snapvit::cli
