#include "client/cli/image_flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "client/cli/delayed_progress.h"
#include "client/cli/output_file.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

// Images that are read, decoded and answered before the next ones are read: bounds memory.
constexpr size_t kWindow = 64;

// Calls that fail one after the other before the rest is given up: more than a server that is short
// of time or room for a moment, and not an evening of timeouts.
constexpr int kMostFailuresInARow = 3;

absl::Status CheckFlagsOf(const ImageFlags& flags, bool local) {
  return local ? CheckNotGiven(flags.remote_only, "--target", "--model")
               : CheckNotGiven(flags.local_only, "--model", "--target");
}

// Whether another call would meet the error again. (UNAVAILABLE was retried by the client.)
bool WouldRepeat(const absl::Status& error) {
  return absl::IsUnavailable(error) || absl::IsUnauthenticated(error) ||
         absl::IsPermissionDenied(error) || absl::IsNotFound(error) || absl::IsUnimplemented(error);
}

// Files that can be read fail by the error of the call, the others by their own.
void FailWindow(std::span<const ImageFile> files, const absl::Status& error,
                const ImageHandlers& handlers) {
  for (const ImageFile& file : files) {
    const absl::Status& its = file.bytes.ok() ? error : file.bytes.status();
    ReportImageError(file.path, its);
    handlers.fail(file.path, its);
  }
}

void FailUnasked(std::span<const std::string> paths, const absl::Status& error,
                 const ImageHandlers& handlers) {
  if (paths.empty()) return;
  const absl::Status unasked(error.code(),
                             absl::StrCat("not asked for after the error: ", error.message()));
  for (const std::string& path : paths) handlers.fail(path, unasked);
  std::fprintf(stderr, "%zu more images were not asked for after this error\n", paths.size());
}

}  // namespace

void AddImageFlags(CLI::App& verb, ImageFlags& flags) {
  verb.add_option("images", flags.images, "JPEG, PNG or WebP files, or folders of them")
      ->required()
      ->type_name("IMAGE");
  flags.local_only = AddModelFlags(verb, flags.model);
  flags.remote_only = AddRemoteFlags(verb, flags.remote);
  flags.remote_only.push_back(verb.add_option("--model-name", flags.model_name,
                                              "Model of the server; default: the one it has"));
  flags.remote_only.push_back(
      verb.add_option("--timeout", flags.timeout_seconds,
                      "Seconds for each request to a server, retries included")
          ->check(CLI::PositiveNumber)
          ->capture_default_str());
  verb.add_option("--budget", flags.budget,
                  "0.5 or 50% (compute), 4.2gflops, 15ms, fidelity:0.95, sparsity:0.3 or "
                  "mlp:.25/heads:.1; default: 1, or what the server gives the tenant")
      ->type_name("B");
  verb.add_option("--floor", flags.floor,
                  "How far load may lower the budget: compute (0.4, 40%) or fidelity:0.8")
      ->type_name("B");
  verb.add_flag("--strict", flags.strict, "Serve the budget as asked, or fail");
  flags.local_only.push_back(
      verb.add_flag("--no-exif", flags.no_exif, "Ignore the EXIF orientation (local models)"));
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
  RETURN_IF_ERROR(CheckOutputFile("--output", flags.output));
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

absl::Status ForEachWindow(const ImageFlags& flags, const ImageHandlers& handlers) {
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, ListImages(flags.images));
  const bool lines_on_terminal = !flags.json && flags.output.empty() && isatty(STDOUT_FILENO) == 1;
  ProgressFn progress;
  if (!lines_on_terminal) progress = DelayedProgress("snapvit");
  int failures_in_a_row = 0;
  for (size_t first = 0; first < paths.size(); first += kWindow) {
    const auto window = std::span(paths).subspan(first, std::min(kWindow, paths.size() - first));
    const std::vector<ImageFile> files = ReadImages(window);
    const absl::Status asked = handlers.ask(files);
    failures_in_a_row = asked.ok() ? 0 : failures_in_a_row + 1;
    if (!asked.ok()) {
      if (first == 0) return asked;
      FailWindow(files, asked, handlers);
      if (WouldRepeat(asked) || failures_in_a_row == kMostFailuresInARow) {
        FailUnasked(std::span(paths).subspan(first + window.size()), asked, handlers);
        return absl::OkStatus();
      }
    }
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
