#include "core/snapvit/elastic_loader.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/fingerprint.h"
#include "core/model/model_folder.h"
#include "core/snapvit/calibration.h"
#include "core/snapvit/order.h"

namespace snapvit {
namespace {

constexpr char kOrderingFile[] = "ordering.safetensors";

// ${XDG_CACHE_HOME:-~/.cache}/snapvit, or nothing if neither variable is set.
std::string DefaultCacheRoot() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::string(xdg) + "/snapvit";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::string(home) + "/.cache/snapvit";
  }
  return "";
}

// The ordering in a file, if it is one of this model; messages name the file.
absl::StatusOr<Ordering> ReadFitting(const std::string& path, const VitConfig& config,
                                     const std::string& fingerprint) {
  ASSIGN_OR_RETURN(Ordering ordering, ReadOrdering(path));
  if (absl::Status fits = CheckOrderingFits(ordering, config, fingerprint); !fits.ok()) {
    return absl::Status(fits.code(), absl::StrCat(path, ": ", fits.message()));
  }
  return ordering;
}

}  // namespace

struct ElasticLoader::State {
  ElasticLoaderOptions options;
  ModelFolder folder;
  ModelHashes hashes;
  std::string cache_dir;  // of this model; empty if there is none
};

ElasticLoader::ElasticLoader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ElasticLoader::~ElasticLoader() = default;

absl::StatusOr<std::unique_ptr<ElasticLoader>> ElasticLoader::Create(
    const ElasticLoaderOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  ASSIGN_OR_RETURN(state->folder, LoadModelFolder(options.model_dir));
  if (!options.model_name.empty()) state->folder.name = options.model_name;
  const std::string root = options.cache_dir.empty() ? DefaultCacheRoot() : options.cache_dir;
  ASSIGN_OR_RETURN(state->hashes, HashModelFolder(options.model_dir, root));
  // A folder that the user names holds this model's ordering; the shared default has one folder a
  // model.
  state->cache_dir = options.cache_dir.empty() && !root.empty()
                         ? absl::StrCat(root, "/", state->hashes.fingerprint.substr(0, 16))
                         : options.cache_dir;
  return std::unique_ptr<ElasticLoader>(new ElasticLoader(std::move(state)));
}

absl::StatusOr<std::optional<Ordering>> ElasticLoader::FindOrdering(std::string* ignored) const {
  const ElasticLoaderOptions& options = state_->options;
  if (!options.ordering_file.empty()) {
    ASSIGN_OR_RETURN(Ordering ordering,
                     ReadFitting(options.ordering_file, config(), fingerprint()));
    return ordering;
  }
  for (const std::string& folder : {state_->cache_dir, options.model_dir}) {
    if (folder.empty()) continue;
    const std::string path = absl::StrCat(folder, "/", kOrderingFile);
    std::error_code error;
    if (!std::filesystem::exists(path, error)) continue;
    absl::StatusOr<Ordering> ordering = ReadFitting(path, config(), fingerprint());
    if (ordering.ok()) return *std::move(ordering);
    if (ignored != nullptr) *ignored = std::string(ordering.status().message());
  }
  return std::nullopt;
}

absl::StatusOr<ComputedOrdering> ElasticLoader::Compute(const ProgressFn& progress) const {
  const ElasticLoaderOptions& options = state_->options;
  ASSIGN_OR_RETURN(
      const std::unique_ptr<CalibrationSource> source,
      OpenCalibration(options.calibration, CalibrationImagesFor(options.calibration_images),
                      state_->folder.preprocessing, options.seed));
  OrderOptions order;
  order.images = options.calibration_images;
  order.seed = options.seed;
  order.time_limit = options.order_time;
  order.dtype = options.dtype;
  order.ladder = options.ladder;
  ComputedOrdering computed;
  ASSIGN_OR_RETURN(computed.ordering,
                   ComputeOrdering(state_->folder, fingerprint(), *source, order, progress));
  if (state_->cache_dir.empty()) {
    computed.cache_warning = "no cache folder: neither --cache-dir, XDG_CACHE_HOME nor HOME is set";
    return computed;
  }
  std::error_code error;
  std::filesystem::create_directories(state_->cache_dir, error);
  const std::string path = absl::StrCat(state_->cache_dir, "/", kOrderingFile);
  const absl::Status written = WriteOrdering(computed.ordering, path);
  if (written.ok()) {
    computed.path = path;
  } else {
    computed.cache_warning = std::string(written.message());
  }
  return computed;
}

absl::StatusOr<std::shared_ptr<const ElasticModel>> ElasticLoader::Load(
    std::optional<Ordering> ordering) const {
  ElasticModel::Options options;
  options.ladder = state_->options.ladder;
  options.dtype = state_->options.dtype;
  options.name = state_->folder.name;
  options.weights_hash = state_->hashes.weights;
  return ElasticModel::Create(state_->folder, std::move(ordering), options);
}

const std::string& ElasticLoader::fingerprint() const { return state_->hashes.fingerprint; }
const VitConfig& ElasticLoader::config() const { return state_->folder.config; }
const std::string& ElasticLoader::model_name() const { return state_->folder.name; }

absl::StatusOr<std::shared_ptr<const ElasticModel>> OpenElasticModel(
    const ElasticLoaderOptions& options, const ProgressFn& progress) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ElasticLoader> loader, ElasticLoader::Create(options));
  std::string ignored;
  ASSIGN_OR_RETURN(std::optional<Ordering> ordering, loader->FindOrdering(&ignored));
  if (!ignored.empty()) {
    std::fputs(absl::StrCat("warning: ordering ignored: ", ignored, "\n").c_str(), stderr);
  }
  if (!ordering.has_value()) {
    ASSIGN_OR_RETURN(ComputedOrdering computed, loader->Compute(progress));
    if (!computed.cache_warning.empty()) {
      std::fputs(
          absl::StrCat("warning: ordering not cached: ", computed.cache_warning, "\n").c_str(),
          stderr);
    }
    ordering = std::move(computed.ordering);
  }
  return loader->Load(std::move(ordering));
}

}  // namespace snapvit
