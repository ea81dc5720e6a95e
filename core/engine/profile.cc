#include "core/engine/profile.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

// Any values in the range of normalised pixels; the time does not depend on them.
std::vector<float> SomePixels(const VitConfig& config) {
  std::vector<float> pixels(3 * static_cast<size_t>(config.image_height) * config.image_width);
  uint32_t state = 1;
  for (float& pixel : pixels) {
    state = state * 1664525 + 1013904223;
    pixel = static_cast<float>(state >> 8) / (1 << 23) - 1;
  }
  return pixels;
}

absl::Duration Quantile(std::vector<absl::Duration> times, double q) {
  std::sort(times.begin(), times.end());
  return times[std::min(times.size() - 1,
                        static_cast<size_t>(q * static_cast<double>(times.size())))];
}

class Profiler {
 public:
  Profiler(const Engine& engine, std::shared_ptr<const ElasticModel> model,
           const ProfileOptions& options)
      : engine_(engine),
        model_(std::move(model)),
        options_(options),
        rungs_(options.rungs),
        pixels_(SomePixels(model_->config())) {
    if (rungs_.empty()) {
      for (int rung = 0; rung < model_->ladder().size(); ++rung) rungs_.push_back(rung);
    }
    times_.resize(rungs_.size() * options.batches.size());
  }

  absl::Status Run(const ProgressFn& progress) {
    const absl::Time stop = options_.clock->Now() + options_.time_limit;
    // The first run of a cell allocates and warms caches, and the second one becomes a graph where
    // there are graphs: neither counts once there is a later one.
    const int first_runs = model_->device() == "cpu" ? 1 : 2;
    // Where graphs are made there is no time without them.
    const int least_runs = first_runs == 1 ? 1 : first_runs + 1;
    const size_t total = times_.size() * (options_.repetitions + first_runs);
    size_t done = 0;
    for (int round = 0; round < options_.repetitions + first_runs; ++round) {
      for (size_t cell = 0; cell < times_.size(); ++cell, ++done) {
        if (round >= least_runs && options_.clock->Now() >= stop) continue;
        ASSIGN_OR_RETURN(const absl::Duration time, TimeOnce(cell));
        if (round > 0 && round <= first_runs) times_[cell].clear();
        times_[cell].push_back(time);
        if (progress && !progress({"warm-up", static_cast<double>(done + 1) / total})) {
          return absl::CancelledError("profiling was stopped");
        }
      }
    }
    return absl::OkStatus();
  }

  std::vector<ProfileCell> Cells() const {
    std::vector<ProfileCell> cells;
    for (size_t i = 0; i < times_.size(); ++i) {
      cells.push_back({RungOf(i), BatchOf(i), Quantile(times_[i], 0), Quantile(times_[i], 0.5),
                       Quantile(times_[i], 0.95)});
    }
    return cells;
  }

 private:
  int RungOf(size_t cell) const { return rungs_[cell / options_.batches.size()]; }
  int BatchOf(size_t cell) const { return options_.batches[cell % options_.batches.size()]; }

  absl::StatusOr<absl::Duration> TimeOnce(size_t cell) const {
    const int batch = BatchOf(cell);
    std::vector<EngineItem> items(batch);
    std::vector<EngineItem*> pointers;
    for (EngineItem& item : items) {
      item.model = model_;
      item.rung = RungOf(cell);
      item.pixels = pixels_;
      item.logits = model_->config().num_classes > 0;
      pointers.push_back(&item);
    }
    std::vector<absl::Status> statuses(batch);
    const absl::Time start = options_.clock->Now();
    engine_.Run(pointers, statuses);
    const absl::Duration time = options_.clock->Now() - start;
    for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
    return time;
  }

  const Engine& engine_;
  const std::shared_ptr<const ElasticModel> model_;
  const ProfileOptions& options_;
  std::vector<int> rungs_;
  const std::vector<float> pixels_;
  std::vector<std::vector<absl::Duration>> times_;  // per cell, rungs outermost
};

}  // namespace

absl::StatusOr<std::vector<ProfileCell>> ProfileEngine(const Engine& engine,
                                                       std::shared_ptr<const ElasticModel> model,
                                                       const ProfileOptions& options,
                                                       const ProgressFn& progress) {
  if (options.repetitions < 1 || options.batches.empty() || options.batches.front() < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "profile has ", options.repetitions, " repetitions and ", options.batches.size(),
        " batch sizes, expected at least one of each, batches from 1 on"));
  }
  Profiler profiler(engine, std::move(model), options);
  RETURN_IF_ERROR(profiler.Run(progress));
  return profiler.Cells();
}

}  // namespace snapvit
