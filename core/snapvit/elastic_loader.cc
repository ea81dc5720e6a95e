#include "core/snapvit/elastic_loader.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/file.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/elastic/packed_model.h"
#include "core/kernels/bf16_speed.h"
#include "core/model/fingerprint.h"
#include "core/model/model_folder.h"
#include "core/model/torch_device.h"
#include "core/snapvit/calibration.h"
#include "core/snapvit/complete.h"
#include "core/snapvit/dtype_choice.h"
#include "core/snapvit/order.h"
#include "core/snapvit/synthetic_image.h"

namespace snapvit {
namespace {

constexpr char kOrderingFile[] = "ordering.safetensors";
// What a Compute that was stopped, or ran out of time, goes on from.
constexpr char kCheckpointFile[] = "ordering.partial";

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

// Whether they remove the same units in the same order.
bool SameDecisions(const Ordering& a, const Ordering& b) {
  return a.mlp_scores == b.mlp_scores && a.head_scores == b.head_scores &&
         a.min_mlp_keep == b.min_mlp_keep && a.min_head_keep == b.min_head_keep && a.path == b.path;
}

}  // namespace

struct ElasticLoader::State {
  ElasticLoaderOptions options;
  ModelFolder folder;
  ModelHashes hashes;
  std::string cache_dir;  // of this model; empty if there is none

  absl::StatusOr<std::unique_ptr<CalibrationSource>> Calibration() const {
    return OpenCalibration(options.calibration, CalibrationImagesFor(options.calibration_images),
                           folder.preprocessing, options.seed);
  }
  // What views of `ordering` are corrected by once it is complete. Corrections for an order that
  // was made elsewhere take images of the domain: from drawn ones they cost right answers
  // (docs/quality.md), so that these only measure.
  CorrectionMode CompletedMode(const Ordering& ordering) const {
    const bool drawn = ParseSyntheticKind(options.calibration).ok();
    const bool only_measures = ordering.corrections.empty() && drawn;
    return only_measures ? CorrectionMode::kNone : options.ladder.corrections;
  }
  // Empty if there is no cache folder.
  std::string CheckpointFile() const {
    return cache_dir.empty() ? "" : absl::StrCat(cache_dir, "/", kCheckpointFile);
  }
  bool OnGpu() const { return options.device.device.kind == Device::Kind::kCuda; }
  // A copy of the folder whose weights are where they are computed with.
  absl::StatusOr<ModelFolder> OnDevice() const {
    ModelFolder copy = folder;
    RETURN_IF_ERROR(MoveWeights(options.device.device, copy));
    return copy;
  }
  bool Bfloat16IsFast() const { return snapvit::Bfloat16IsFast(folder.config, OnGpu()); }
  // What fidelity is measured in: if the choice is open, what it will most likely be.
  ExecutionDtype Dtype() const {
    return options.dtype.value_or(Bfloat16IsFast() ? ExecutionDtype::kBFloat16
                                                   : ExecutionDtype::kFloat32);
  }
  OrderOptions ToOrderOptions() const {
    OrderOptions order;
    order.images = options.calibration_images;
    order.seed = options.seed;
    order.time_limit = options.order_time;
    order.dtype = Dtype();
    if (options.dtype != ExecutionDtype::kFloat32 && Bfloat16IsFast()) {
      order.search_dtype = ExecutionDtype::kBFloat16;
    }
    order.ladder = options.ladder;
    return order;
  }

  // Writes to a file of the cache folder.
  ComputedOrdering Cache(Ordering ordering, const std::string& path) const {
    ComputedOrdering computed;
    computed.ordering = std::move(ordering);
    if (cache_dir.empty()) {
      computed.cache_warning =
          "no cache folder: neither --cache-dir, XDG_CACHE_HOME nor HOME is set";
      return computed;
    }
    std::error_code error;
    std::filesystem::create_directories(cache_dir, error);
    const absl::Status written = WriteOrdering(computed.ordering, path);
    if (written.ok()) {
      computed.path = path;
    } else {
      computed.cache_warning = std::string(written.message());
    }
    return computed;
  }
};

ElasticLoader::ElasticLoader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ElasticLoader::~ElasticLoader() = default;

absl::StatusOr<std::unique_ptr<ElasticLoader>> ElasticLoader::Create(
    const ElasticLoaderOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  ASSIGN_OR_RETURN(state->folder, LoadModelFolder(options.model_dir));
  if (options.dtype.has_value()) {
    RETURN_IF_ERROR(CheckDtypeRuns(*options.dtype, state->folder.config, state->OnGpu()));
  }
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
  const auto completed_if_there = [&](Ordering ordering) {
    std::optional<Ordering> completed = FindCompleted(ordering, ignored);
    return completed.has_value() ? std::move(completed) : std::move(ordering);
  };
  if (!options.ordering_file.empty()) {
    ASSIGN_OR_RETURN(Ordering ordering,
                     ReadFitting(options.ordering_file, config(), fingerprint()));
    return completed_if_there(std::move(ordering));
  }
  for (const std::string& folder : {state_->cache_dir, options.model_dir}) {
    if (folder.empty()) continue;
    const std::string path = absl::StrCat(folder, "/", kOrderingFile);
    std::error_code error;
    if (!std::filesystem::exists(path, error)) continue;
    absl::StatusOr<Ordering> ordering = ReadFitting(path, config(), fingerprint());
    if (ordering.ok()) return completed_if_there(*std::move(ordering));
    if (ignored != nullptr) *ignored = std::string(ordering.status().message());
  }
  return std::nullopt;
}

bool ElasticLoader::NeedsCompletion(const Ordering& ordering) const {
  return state_->options.complete_orderings &&
         (!IsComplete(ordering, state_->CompletedMode(ordering)) || IsUnfinished(ordering));
}

// An explicit file is taken at its word.
bool ElasticLoader::IsUnfinished(const Ordering& ordering) const {
  const std::string checkpoint = state_->CheckpointFile();
  return state_->options.ordering_file.empty() && !checkpoint.empty() &&
         CanGoOn(checkpoint, ordering, state_->options.order_time);
}

std::string ElasticLoader::CompletedFile(const Ordering& ordering) const {
  const ElasticLoaderOptions& options = state_->options;
  Sha256 hash;  // of what the result depends on
  hash.AddField(fingerprint());
  hash.AddField(options.calibration);
  hash.AddField(absl::StrCat(options.calibration_images, " ", options.seed));
  hash.AddField(CorrectionModeName(state_->CompletedMode(ordering)));
  hash.AddField(absl::StrCat(options.ladder.rungs, " ", options.ladder.channel_multiple));
  hash.AddField(DtypeName(state_->Dtype()));
  return absl::StrCat(state_->cache_dir, "/completed-", ordering.Id(), "-",
                      hash.HexDigest().substr(0, 8), ".safetensors");
}

std::optional<Ordering> ElasticLoader::FindCompleted(const Ordering& ordering,
                                                     std::string* ignored) const {
  if (!NeedsCompletion(ordering) || state_->cache_dir.empty()) return std::nullopt;
  const std::string path = CompletedFile(ordering);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  absl::StatusOr<Ordering> completed = ReadFitting(path, config(), fingerprint());
  if (completed.ok() && (!SameDecisions(*completed, ordering) || NeedsCompletion(*completed))) {
    completed = absl::FailedPreconditionError(path + ": is not what its name says");
  }
  if (completed.ok()) return *std::move(completed);
  if (ignored != nullptr) *ignored = std::string(completed.status().message());
  return std::nullopt;
}

std::string ElasticLoader::FoundId() const {
  const absl::StatusOr<std::optional<Ordering>> found = FindOrdering();
  return found.ok() && found->has_value() ? (*found)->Id() : "";
}

absl::StatusOr<ComputedOrdering> ElasticLoader::Compute(const ProgressFn& progress) const {
  ASSIGN_OR_RETURN(const std::unique_ptr<CalibrationSource> source, state_->Calibration());
  OrderOptions options = state_->ToOrderOptions();
  std::error_code ignored;  // Cache says whether the folder can be written to
  if (!state_->cache_dir.empty()) {
    std::filesystem::create_directories(state_->cache_dir, ignored);
    options.checkpoint = state_->CheckpointFile();
  }
  const std::string before = FoundId();
  ASSIGN_OR_RETURN(const ModelFolder folder, state_->OnDevice());
  bool cut_short = false;
  ASSIGN_OR_RETURN(Ordering ordering,
                   ComputeOrdering(folder, fingerprint(), *source, options, progress, &cut_short));
  const std::string path = absl::StrCat(state_->cache_dir, "/", kOrderingFile);
  // Another server of the same folder may have been quicker, and is not to lose what it has done.
  if (cut_short && FoundId() != before) {
    ASSIGN_OR_RETURN(std::optional<Ordering> others, FindOrdering());
    if (others.has_value() && !NeedsCompletion(*others)) {
      return ComputedOrdering{*std::move(others), path, ""};
    }
  }
  ComputedOrdering computed = state_->Cache(std::move(ordering), path);
  // What time cut short is kept: the file beside the ordering says that the next start can do more.
  if (!computed.path.empty() && !cut_short) std::filesystem::remove(options.checkpoint, ignored);
  return computed;
}

absl::StatusOr<ComputedOrdering> ElasticLoader::Complete(const Ordering& ordering,
                                                         const ProgressFn& progress) const {
  if (IsUnfinished(ordering)) {
    absl::StatusOr<ComputedOrdering> better = Compute(progress);
    if (better.ok() || absl::IsCancelled(better.status())) return better;
    // What there is can be served: images that are gone by now, say, do not take it away.
    return ComputedOrdering{ordering, "",
                            absl::StrCat("cannot go on with it: ", better.status().message())};
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<CalibrationSource> source, state_->Calibration());
  OrderOptions options = state_->ToOrderOptions();
  options.ladder.corrections = state_->CompletedMode(ordering);
  ASSIGN_OR_RETURN(const ModelFolder folder, state_->OnDevice());
  ASSIGN_OR_RETURN(Ordering completed,
                   CompleteOrdering(folder, fingerprint(), ordering, *source, options, progress));
  return state_->Cache(std::move(completed), CompletedFile(ordering));
}

absl::StatusOr<std::shared_ptr<const ElasticModel>> ElasticLoader::Load(
    std::optional<Ordering> ordering, std::string* why) const {
  if (state_->options.dtype.has_value()) {
    return LoadAs(*state_->options.dtype, std::move(ordering));
  }
  if (!state_->Bfloat16IsFast()) {
    if (why != nullptr) {
      *why = Bfloat16SpeedUp() == 0
                 ? std::string("this processor has no kernels for bf16")
                 : absl::StrFormat("bf16 is %.2f times as fast as f32 on this processor",
                                   Bfloat16SpeedUp());
    }
    return LoadAs(ExecutionDtype::kFloat32, std::move(ordering));
  }
  return LoadWithBestDtype(std::move(ordering), why);
}

absl::StatusOr<std::shared_ptr<const ElasticModel>> ElasticLoader::LoadAs(
    ExecutionDtype dtype, std::optional<Ordering> ordering) const {
  ElasticModel::Options options;
  options.ladder = state_->options.ladder;
  options.dtype = dtype;
  options.name = state_->folder.name;
  options.weights_hash = state_->hashes.weights;
  options.cuda = state_->options.device.module;
  options.streams = state_->options.streams;
  ASSIGN_OR_RETURN(const ModelFolder folder, state_->OnDevice());
  return ElasticModel::Create(folder, std::move(ordering), options);
}

std::string ElasticLoader::ComparisonFile(const std::optional<Ordering>& ordering) const {
  const LadderOptions& ladder = state_->options.ladder;
  Sha256 hash;  // of what the result depends on
  hash.AddField(fingerprint());
  hash.AddField(absl::StrCat(state_->options.calibration, " ", state_->options.seed));
  hash.AddField(CorrectionModeName(ladder.corrections));
  hash.AddField(absl::StrCat(ladder.rungs, " ", ladder.channel_multiple));
  return absl::StrCat(state_->cache_dir, "/bf16-", state_->OnGpu() ? "cuda-" : "",
                      ordering ? ordering->Id() : "dense", "-", hash.HexDigest().substr(0, 8),
                      ".txt");
}

absl::StatusOr<std::shared_ptr<const ElasticModel>> ElasticLoader::LoadWithBestDtype(
    std::optional<Ordering> ordering, std::string* why) const {
  const std::string file = state_->cache_dir.empty() ? "" : ComparisonFile(ordering);
  absl::StatusOr<DtypeComparison> comparison = absl::NotFoundError("not measured");
  if (!file.empty()) {
    const absl::StatusOr<std::string> text = ReadFile(file, /*max_bytes=*/1000);
    if (text.ok()) comparison = ParseDtypeComparison(*text);
  }
  std::shared_ptr<const ElasticModel> model;
  if (!comparison.ok()) {
    ASSIGN_OR_RETURN(const std::unique_ptr<CalibrationSource> source, state_->Calibration());
    // One after the other: a large model is not held in both dtypes at once.
    ASSIGN_OR_RETURN(model, LoadAs(ExecutionDtype::kFloat32, ordering));
    ASSIGN_OR_RETURN(const RungEmbeddings float32, EmbeddingsToCompare(*model, *source));
    model.reset();
    ASSIGN_OR_RETURN(model, LoadAs(ExecutionDtype::kBFloat16, ordering));
    ASSIGN_OR_RETURN(const RungEmbeddings bfloat16, EmbeddingsToCompare(*model, *source));
    comparison = Compare(bfloat16, float32);
    // A cache that cannot be written costs the comparison at the next start.
    if (!file.empty()) WriteFileAtomically(file, ToText(*comparison)).IgnoreError();
  }
  if (why != nullptr) *why = std::string(absl::StripAsciiWhitespace(ToText(*comparison)));
  const ExecutionDtype dtype =
      comparison->GoodEnough() ? ExecutionDtype::kBFloat16 : ExecutionDtype::kFloat32;
  if (model != nullptr && model->dtype() == dtype) return model;
  model.reset();
  return LoadAs(dtype, std::move(ordering));
}

const std::string& ElasticLoader::cache_dir() const { return state_->cache_dir; }
const std::string& ElasticLoader::fingerprint() const { return state_->hashes.fingerprint; }
const VitConfig& ElasticLoader::config() const { return state_->folder.config; }
const std::string& ElasticLoader::model_name() const { return state_->folder.name; }

}  // namespace snapvit
