#include "core/snapvit/published_order.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/snapvit/fidelity.h"
#include "core/snapvit/gradient_scores.h"
#include "core/snapvit/multiplier_search.h"
#include "core/snapvit/pca_fitness.h"
#include "core/snapvit/search_checkpoint.h"

namespace snapvit {
namespace {

// Work of each part, in dense forwards of one image: a backward pass takes two of them; the four
// pairs of an evaluation come to 2.5, less the last block and what the bound saves; the rungs that
// fidelity is measured for come to ten or so, on a third of the images.
constexpr double kGradientWork = 4;
constexpr double kTeacherWork = 1;
constexpr double kEvaluationWork = 2;
constexpr double kFidelityWork = 10.0 / 3;

// Share of a time limit after which the gradients make do with the images so far.
constexpr double kGradientTime = 0.4;
// And that after which the search ends; the rest measures fidelity.
constexpr double kSearchTime = 0.9;

// Images of one forward of the search on a GPU, which a few of them do not keep busy.
constexpr size_t kGpuBatch = 128;

constexpr int kGlobalViews = 2;
constexpr int kLocalViews = 10;

size_t HeldOut(size_t gradient_images) { return std::max<size_t>(2, gradient_images / 3); }

class PublishedOrder {
 public:
  PublishedOrder(const ModelFolder& folder, const CalibrationSource& source,
                 const PublishedOrderOptions& options, const ProgressFn& progress)
      : folder_(folder),
        source_(source),
        options_(options),
        progress_(progress),
        start_(options.clock->Now()),
        images_(source.size() >= PublishedCalibrationImagesFor(options.images)
                    ? options.images
                    : std::max<size_t>(2, (source.size() - 2) * 3 / 7)),
        search_(folder.config.depth, folder.config.num_heads, options.evaluations, options.seed) {
    const double search = kEvaluationWork * options.evaluations;
    const double work = kGradientWork + kTeacherWork + search + kFidelityWork;
    gradients_end_ = kGradientWork / work;
    teacher_end_ = gradients_end_ + kTeacherWork / work;
    search_end_ = teacher_end_ + search / work;
  }

  absl::StatusOr<Ordering> Run(const std::string& fingerprint) {
    FindKey(fingerprint);
    const bool resumes = ReadCheckpoint();
    if (!resumes) RETURN_IF_ERROR(ComputeGradients());
    ordering_.blocks = folder_.config.depth;
    ordering_.hidden = folder_.config.mlp_hidden;
    ordering_.heads = folder_.config.num_heads;
    ordering_.mlp_scores = checkpoint_.mlp_scores;
    ordering_.head_scores = checkpoint_.head_scores;
    ordering_.model_fingerprint = fingerprint;
    ordering_.recipe = "published";
    ordering_.seed = options_.seed;
    ordering_.calibration_source =
        absl::StrCat(source_.Describe(), ", ", checkpoint_.gradient_images, " images");
    RETURN_IF_ERROR(Replay());
    if (!search_.finished()) RETURN_IF_ERROR(Search());
    if (search_.done() > 0) ordering_ = ScaledOrdering(ordering_, search_.best());
    RETURN_IF_ERROR(Measure());
    return std::move(ordering_);
  }

 private:
  void Warn(const std::string& text) const {
    if (options_.warn) options_.warn(text);
  }

  // Of everything that the search depends on.
  void FindKey(const std::string& fingerprint) {
    Sha256 hash;
    hash.AddField("snapvit published search 2");
    hash.AddField(fingerprint);
    hash.AddField(absl::StrCat(images_, " ", options_.evaluations, " ", options_.seed));
    hash.AddField(DtypeName(options_.search_dtype));
    AddToHash(source_, hash);
    key_ = hash.HexDigest();
  }

  // Whether there was one to go on from.
  bool ReadCheckpoint() {
    if (options_.checkpoint.empty()) return false;
    absl::StatusOr<SearchCheckpoint> read = ReadSearchCheckpoint(options_.checkpoint);
    if (absl::IsNotFound(read.status())) return false;
    const VitConfig& config = folder_.config;
    const size_t blocks = config.depth;
    std::string wrong;
    if (!read.ok()) {
      wrong = std::string(read.status().message());
    } else if (read->key != key_) {
      wrong = absl::StrCat(options_.checkpoint, " is of another search (model, options or images)");
    } else if (read->mlp_scores.size() != blocks * config.mlp_hidden ||
               read->head_scores.size() != blocks * config.num_heads ||
               read->fitness.size() > static_cast<size_t>(options_.evaluations)) {
      wrong = absl::StrCat(options_.checkpoint, " has another shape than the model");
    }
    if (!wrong.empty()) {
      Warn(absl::StrCat("starting anew: ", wrong));
      return false;
    }
    checkpoint_ = *std::move(read);
    return true;
  }

  void SaveCheckpoint() {
    if (options_.checkpoint.empty() || !checkpoint_works_) return;
    const absl::Status status = WriteSearchCheckpoint(checkpoint_, options_.checkpoint);
    if (status.ok()) return;
    checkpoint_works_ = false;
    Warn(absl::StrCat("this search cannot be resumed: ", std::string(status.message())));
  }

  absl::Status ComputeGradients() {
    ASSIGN_OR_RETURN(const VitWeights weights, ToFloat32(folder_.weights));
    GradientScoresOptions options;
    options.global_views = kGlobalViews;
    options.local_views = kLocalViews;
    options.collapsed.emplace();
    options.images = images_;
    options.seed = options_.seed;
    options.clock = options_.clock;
    options.stop_at = start_ + kGradientTime * options_.time_limit;
    ASSIGN_OR_RETURN(GradientScores scores,
                     ComputeGradientScores(weights, folder_.preprocessing, source_, options,
                                           PartOf(progress_, 0, gradients_end_)));
    checkpoint_ = {key_, scores.images, std::move(scores.mlp), std::move(scores.heads), {}, {}};
    SaveCheckpoint();
    return absl::OkStatus();
  }

  absl::Status Record(double fitness, double seconds) {
    RETURN_IF_ERROR(search_.Record(fitness));
    if (options_.on_step) options_.on_step({search_.done(), seconds, search_.best_fitness()});
    return absl::OkStatus();
  }

  absl::Status Replay() {
    for (size_t i = 0; i < checkpoint_.fitness.size(); ++i) {
      search_.Next();
      RETURN_IF_ERROR(Record(checkpoint_.fitness[i], checkpoint_.seconds[i]));
    }
    return absl::OkStatus();
  }

  double SearchFraction(double evaluations) const {
    return teacher_end_ + (search_end_ - teacher_end_) * evaluations / options_.evaluations;
  }

  // Progress of the next evaluation as progress of the whole.
  ProgressFn EvaluationProgress() const {
    if (!progress_) return nullptr;
    std::string stage =
        absl::StrFormat("evaluation %d of %d", search_.done() + 1, options_.evaluations);
    if (search_.done() > 0) absl::StrAppendFormat(&stage, ", best %.5f", search_.best_fitness());
    return [this, stage](const ProgressUpdate& update) {
      return progress_({stage, SearchFraction(search_.done() + update.fraction)});
    };
  }

  absl::Status Search() {
    PcaFitnessOptions fitness_options;
    fitness_options.first_image = images_;
    fitness_options.images = images_;
    fitness_options.dtype = options_.search_dtype;
    if (folder_.weights.patch.weight.is_cuda()) fitness_options.batch = kGpuBatch;
    const double begin = search_.done() > 0 ? SearchFraction(search_.done()) : gradients_end_;
    ASSIGN_OR_RETURN(const std::unique_ptr<PcaFitness> fitness,
                     PcaFitness::Create(folder_, ordering_, source_, fitness_options,
                                        PartOf(progress_, begin, std::max(begin, teacher_end_))));
    const absl::Time stop_at = start_ + kSearchTime * options_.time_limit;
    const double earlier = checkpoint_.seconds.empty() ? 0 : checkpoint_.seconds.back();
    const absl::Time search_start = options_.clock->Now();
    while (!search_.finished()) {
      if (search_.done() > 0 && options_.clock->Now() >= stop_at) break;
      const std::vector<double>& candidate = search_.Next();
      // A bound of what is recorded already, so that a resumed search takes the same decisions.
      ASSIGN_OR_RETURN(const FitnessValue value,
                       fitness->Evaluate(candidate, search_.Bound(), EvaluationProgress()));
      checkpoint_.fitness.push_back(value.value);
      checkpoint_.seconds.push_back(earlier +
                                    absl::ToDoubleSeconds(options_.clock->Now() - search_start));
      RETURN_IF_ERROR(Record(value.value, checkpoint_.seconds.back()));
      SaveCheckpoint();
    }
    return absl::OkStatus();
  }

  absl::Status Measure() {
    ElasticModel::Options model_options;
    model_options.ladder = options_.ladder;
    model_options.dtype = options_.dtype;
    FidelityOptions fidelity;
    fidelity.first_image = 2 * images_;
    fidelity.images = HeldOut(images_);
    fidelity.clock = options_.clock;
    fidelity.stop_at = start_ + options_.time_limit;
    ASSIGN_OR_RETURN(ordering_.fidelity,
                     MeasureFidelity(folder_, ordering_, model_options, source_, fidelity,
                                     PartOf(progress_, search_end_, 1)));
    return absl::OkStatus();
  }

  const ModelFolder& folder_;
  const CalibrationSource& source_;
  const PublishedOrderOptions& options_;
  const ProgressFn& progress_;
  const absl::Time start_;
  const size_t images_;       // for gradients, and for the fitness
  double gradients_end_ = 0;  // in progress of the whole
  double teacher_end_ = 0;
  double search_end_ = 0;

  std::string key_;
  MultiplierSearch search_;
  SearchCheckpoint checkpoint_;  // of all that is done
  bool checkpoint_works_ = true;
  Ordering ordering_;  // raw scores until the search is over
};

}  // namespace

size_t PublishedCalibrationImagesFor(size_t gradient_images) {
  return 2 * gradient_images + HeldOut(gradient_images);
}

absl::StatusOr<Ordering> ComputePublishedOrdering(const ModelFolder& folder,
                                                  const std::string& fingerprint,
                                                  const CalibrationSource& source,
                                                  const PublishedOrderOptions& options,
                                                  const ProgressFn& progress) {
  if (options.images < 2 || options.evaluations < 0) {
    return absl::InvalidArgumentError(absl::StrCat("images and evaluations are ", options.images,
                                                   " and ", options.evaluations,
                                                   ", expected at least 2 and 0"));
  }
  if (source.size() < 6) {
    return absl::InvalidArgumentError(
        absl::StrCat(source.Describe(), " has ", source.size(),
                     " images, expected at least 6: for gradients, for the fitness, to measure "
                     "fidelity"));
  }
  return PublishedOrder(folder, source, options, progress).Run(fingerprint);
}

}  // namespace snapvit
