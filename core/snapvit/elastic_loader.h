// ElasticLoader: from a model folder to an ElasticModel, with the ordering found, or computed and
// cached.
#ifndef SNAPVIT_CORE_SNAPVIT_ELASTIC_LOADER_H_
#define SNAPVIT_CORE_SNAPVIT_ELASTIC_LOADER_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/progress.h"
#include "core/device/open_device.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/ordering.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

struct ElasticLoaderOptions {
  std::string model_dir;
  std::string model_name;  // empty: the folder's name
  // A file that must fit the model. Empty: look into the cache folder, then the model folder.
  std::string ordering_file;
  // Where computed orderings and hashes are kept. Empty:
  // ${XDG_CACHE_HOME:-~/.cache}/snapvit/<fingerprint>.
  std::string cache_dir;
  std::string calibration = "synthetic";  // what OpenCalibration reads
  size_t calibration_images = kDefaultCalibrationImages;
  uint64_t seed = 42;
  absl::Duration order_time = absl::Minutes(5);
  LadderOptions ladder;
  // Where the ordering is computed and the model runs. Opened before the first computation of the
  // process.
  OpenedDevice device;
  int streams = 1;  // of a GPU: ElasticModel::Options
  // Nothing: bf16 where it is faster, on GPUs and on processors whose kernels for it are
  // (core/kernels/bf16_speed.h), and changes embeddings little (dtype_choice.h), else f32.
  std::optional<ExecutionDtype> dtype = ExecutionDtype::kFloat32;
  // Whether an ordering without corrections or fidelity (an imported one) lacks anything at all.
  bool complete_orderings = true;
};

// What happened to an ordering that was computed, or completed.
struct ComputedOrdering {
  Ordering ordering;
  std::string path;           // of the file it was written to; empty if it could not be
  std::string cache_warning;  // why it could not be written
};

// Maps the checkpoint while it lives: destroy it after the last Load to release the file.
// Thread-compatible. Methods that use ATen say so: call them from a thread that may.
class ElasticLoader {
 public:
  // Reads and validates config and tensors, and fingerprints them. Errors name the file.
  // FAILED_PRECONDITION if the dtype that the options ask for does not run here. Uses no compute.
  static absl::StatusOr<std::unique_ptr<ElasticLoader>> Create(const ElasticLoaderOptions& options);
  ~ElasticLoader();

  // The ordering that look-up finds: --ordering file, cache folder, model folder; if it needs
  // completion and an earlier one is in the cache folder, that. Nothing if there is none; an
  // automatic file that is damaged or does not fit counts as none (with the reason in `ignored`, if
  // given). An explicit file that is missing, damaged or does not fit is an error.
  absl::StatusOr<std::optional<Ordering>> FindOrdering(std::string* ignored = nullptr) const;

  // Whether Complete has anything to add to `ordering`: imported ones lack what views of the
  // options are served with, a fidelity curve and corrections; the latter are not made from images
  // drawn by program. And whether it is unfinished.
  bool NeedsCompletion(const Ordering& ordering) const;

  // Whether `ordering` is the best that a Compute of this cache folder had when its time was up,
  // and another one would better it in the time that the options give (CanGoOn: two more starts
  // under the same options, not every one). It can be served as it is, until that is done.
  bool IsUnfinished(const Ordering& ordering) const;

  // Computes an ordering, or adds to `ordering` what it lacks (CompleteOrdering; an unfinished one
  // is gone on with, and returned as it is if that fails), and writes the result into the cache
  // folder; not being able to write is no error. A Compute that was stopped, or whose time was up,
  // goes on from what it left there (OrderOptions::checkpoint). Both use ATen.
  absl::StatusOr<ComputedOrdering> Compute(const ProgressFn& progress) const;
  absl::StatusOr<ComputedOrdering> Complete(const Ordering& ordering,
                                            const ProgressFn& progress) const;

  // The model with this ordering; without one, the dense model alone. If the options leave the
  // dtype open, bf16 and f32 are compared on calibration images, once: the result is kept in the
  // cache folder. `why`, if given, becomes what that showed. Uses ATen.
  absl::StatusOr<std::shared_ptr<const ElasticModel>> Load(std::optional<Ordering> ordering,
                                                           std::string* why = nullptr) const;

  // Where what is computed about this model is kept; empty if nowhere.
  const std::string& cache_dir() const;
  const std::string& fingerprint() const;
  const VitConfig& config() const;
  const std::string& model_name() const;

 private:
  struct State;
  explicit ElasticLoader(std::unique_ptr<State> state);

  absl::StatusOr<std::shared_ptr<const ElasticModel>> LoadAs(
      ExecutionDtype dtype, std::optional<Ordering> ordering) const;
  absl::StatusOr<std::shared_ptr<const ElasticModel>> LoadWithBestDtype(
      std::optional<Ordering> ordering, std::string* why) const;

  // Of what FindOrdering gives; empty if that is nothing.
  std::string FoundId() const;
  // File of the cache folder that holds `ordering` completed as the options say.
  std::string CompletedFile(const Ordering& ordering) const;
  // That which holds how close bf16 comes to f32 for this model, ordering, ladder and images.
  std::string ComparisonFile(const std::optional<Ordering>& ordering) const;
  std::optional<Ordering> FindCompleted(const Ordering& ordering, std::string* ignored) const;

  std::unique_ptr<State> state_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_ELASTIC_LOADER_H_
