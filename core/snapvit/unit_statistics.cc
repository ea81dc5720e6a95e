#include "core/snapvit/unit_statistics.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/elastic/structure.h"
#include "core/model/reference_forward.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/preprocessed_images.h"

namespace snapvit {
namespace {

constexpr size_t kMostBatchImages = 32;
constexpr size_t kImagesForMean = 128;  // of the embedding
// Share of the mean weight that every token gets on top of its own: what the embedding does not see
// should still not drift, since other poolings read it.
constexpr double kLeastTokenWeight = 0.02;
// An embedding that is closer to the mean than this share of its own length is the mean, but for
// rounding: it has no direction.
constexpr double kLeastDeviation = 1e-5;

// A second moment is symmetric: of each of its strips of rows only what is not above the diagonal
// is computed. With four of them that is 10/16 of the product.
constexpr int64_t kMomentStrips = 4;

// Adds xᵀ·x to `sum`, but for what is above its diagonal strips.
void AddMoment(const at::Tensor& x, at::Tensor& sum) {
  const int64_t columns = x.size(1);
  for (int64_t strip = 0; strip < kMomentStrips; ++strip) {
    const int64_t begin = columns * strip / kMomentStrips;
    const int64_t end = columns * (strip + 1) / kMomentStrips;
    if (begin == end) continue;
    sum.narrow(0, begin, end - begin)
        .narrow(1, 0, end)
        .addmm_(x.narrow(1, begin, end - begin).t(), x.narrow(1, 0, end));
  }
}

// Sums over tokens, from which one half's statistics are made.
struct HalfSums {
  HalfSums(int64_t units, int64_t width, const at::TensorOptions& options)
      : first(at::zeros({units}, options)),
        second(at::zeros({units, units}, options)),
        metric(at::zeros({width, width}, options)) {}

  // units [B, N, n], gradients [B, N, D].
  void Add(const at::Tensor& units, const at::Tensor& gradients) {
    const at::Tensor u = units.detach().flatten(0, 1);
    const at::Tensor g = gradients.flatten(0, 1);
    const at::Tensor sensitivity = g.square().sum(1, /*keepdim=*/true);
    const at::Tensor weights = sensitivity + kLeastTokenWeight * sensitivity.mean();
    const double batch_weight = weights.sum().item<double>();
    if (!origin.defined()) {
      origin = batch_weight > 0 ? at::mv(u.t(), weights.squeeze(1)).div_(batch_weight) : u.mean(0);
    }
    const at::Tensor deviation = u - origin;
    AddMoment(deviation * weights.sqrt(), second);
    first.addmv_(deviation.t(), weights.squeeze(1));
    metric.addmm_(g.t(), g);
    weight += batch_weight;
  }

  HalfStatistics Finish(size_t images) {
    HalfStatistics half;
    const at::Tensor deviation = first / weight;
    half.mean = origin + deviation;
    half.covariance = second.tril_().add_(second.tril(-1).t()).div_(weight);
    half.covariance.sub_(at::outer(deviation, deviation));
    // An image's loss is the sum of its tokens': the mean weight of one token, times how many there
    // are, goes into the metric, whose trace is one before.
    const double trace = metric.trace().item<double>();
    const double scale = trace > 0 ? weight / (static_cast<double>(images) * trace) : 0;
    half.metric = metric.mul_(scale);
    return half;
  }

  // About the mean, that of the first batch, [n]. Moments are taken about it: units that hardly
  // vary about a large mean would leave nothing but rounding errors of f32, and no positive
  // definite matrix.
  at::Tensor origin;
  at::Tensor first;   // [n]
  at::Tensor second;  // [n, n], as AddMoment leaves it
  at::Tensor metric;  // [D, D]
  double weight = 0;
};

class StatisticsComputation {
 public:
  StatisticsComputation(const VitWeights& weights, const Preprocessing& preprocessing,
                        const CalibrationSource& source, const UnitStatisticsOptions& options)
      : weights_(weights),
        preprocessing_(preprocessing),
        source_(source),
        options_(options),
        end_(std::min(source.size(), options.first_image + options.images)),
        next_(options.first_image) {
    const VitConfig& config = weights.config;
    batch_images_ =
        std::clamp<size_t>(options.activation_bytes / ActivationBytes(config), 1, kMostBatchImages);
    for (size_t half = 0; half < 2 * static_cast<size_t>(config.depth); ++half) {
      const int64_t units =
          IsMlpHalf(half) ? config.mlp_hidden : config.num_heads * config.head_dim;
      sums_.emplace_back(units, config.embed_dim, weights.patch.weight.options());
    }
  }

  absl::Status Run(const ProgressFn& progress) {
    RETURN_IF_ERROR(MeasureMean());
    while (next_ < end_) {
      RETURN_IF_ERROR(RunBatch());
      const double done = static_cast<double>(next_ - options_.first_image) /
                          static_cast<double>(end_ - options_.first_image);
      if (progress && !progress({"statistics", done})) {
        return absl::CancelledError("ordering was stopped while computing statistics");
      }
      if (options_.clock->Now() >= options_.stop_at) break;
    }
    RETURN_IF_ERROR(CheckReadable(unreadable_, next_ - options_.first_image));
    if (deviating_ == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("all ", used_, " images of ", source_.Describe(),
                       " that were used have the same embedding, expected different ones"));
    }
    return absl::OkStatus();
  }

  UnitStatistics Finish() {
    UnitStatistics statistics;
    statistics.images = used_;
    statistics.cut_short = next_ < end_;
    for (HalfSums& sums : sums_) statistics.halves.push_back(sums.Finish(used_));
    return statistics;
  }

 private:
  absl::StatusOr<at::Tensor> Embeddings(const at::Tensor& pixels, ForwardTaps* taps) const {
    ASSIGN_OR_RETURN(const ReferenceOutput output,
                     ReferenceForward(weights_, pixels, /*replacement=*/nullptr, taps));
    return output.pooled;
  }

  absl::Status MeasureMean() {
    const size_t end = std::min(end_, options_.first_image + kImagesForMean);
    at::Tensor sum = at::zeros({weights_.config.embed_dim}, weights_.patch.weight.options());
    int64_t images = 0;
    for (size_t first = options_.first_image; first < end; first += batch_images_) {
      const at::Tensor pixels =
          PreprocessedImages(source_, preprocessing_, first, std::min(batch_images_, end - first))
              .to(weights_.patch.weight.device());
      if (pixels.size(0) == 0) continue;
      ASSIGN_OR_RETURN(const at::Tensor embeddings, Embeddings(pixels, /*taps=*/nullptr));
      sum.add_(embeddings.sum(0));
      images += pixels.size(0);
    }
    mean_ = sum / static_cast<double>(std::max<int64_t>(images, 1));
    return absl::OkStatus();
  }

  // A random direction for each embedding, orthogonal to it (a change along it leaves the cosine as
  // it is) and divided by its length, [images, D]; zero where the embedding is the mean, which
  // would make everything NaN.
  at::Tensor Directions(const at::Tensor& embeddings) {
    const at::Tensor centred = embeddings.detach() - mean_;
    const at::Tensor length = centred.norm(2, {-1}, /*keepdim=*/true);
    const at::Tensor deviates =
        length > kLeastDeviation * embeddings.detach().norm(2, {-1}, /*keepdim=*/true);
    deviating_ += deviates.sum().item<int64_t>();
    const at::Tensor scale = at::where(deviates, length.reciprocal(), at::zeros_like(length));
    const at::Tensor unit = centred * scale;
    at::Tensor normal = at::empty(centred.sizes(), at::kFloat);
    Random random(options_.seed, next_);
    float* out = normal.data_ptr<float>();
    for (int64_t i = 0; i < normal.numel(); ++i) out[i] = static_cast<float>(random.Normal());
    normal = normal.to(centred.device());
    return (normal - (normal * unit).sum(1, /*keepdim=*/true) * unit) * scale;
  }

  absl::Status RunBatch() {
    const size_t count = std::min(batch_images_, end_ - next_);
    at::Tensor pixels = PreprocessedImages(source_, preprocessing_, next_, count, &unreadable_)
                            .to(weights_.patch.weight.device());
    next_ += count;
    if (pixels.size(0) == 0) return absl::OkStatus();
    pixels.set_requires_grad(true);  // else there would be no graph: the weights need no gradients
    ForwardTaps taps;
    ASSIGN_OR_RETURN(const at::Tensor embeddings, Embeddings(pixels, &taps));
    const at::Tensor projected = (embeddings * Directions(embeddings)).sum();
    const std::vector<at::Tensor> gradients = torch::autograd::grad({projected}, taps.outputs);
    for (size_t half = 0; half < sums_.size(); ++half) {
      sums_[half].Add(taps.units[half], gradients[half]);
    }
    used_ += pixels.size(0);
    return absl::OkStatus();
  }

  const VitWeights& weights_;
  const Preprocessing& preprocessing_;
  const CalibrationSource& source_;
  const UnitStatisticsOptions& options_;
  const size_t end_;
  size_t batch_images_ = 1;
  at::Tensor mean_;  // of the embedding, [D]
  std::vector<HalfSums> sums_;
  size_t next_;
  size_t used_ = 0;
  int64_t deviating_ = 0;  // of those, whose embedding is not the mean
  UnreadableImages unreadable_;
};

}  // namespace

absl::StatusOr<UnitStatistics> ComputeUnitStatistics(const VitWeights& weights,
                                                     const Preprocessing& preprocessing,
                                                     const CalibrationSource& source,
                                                     const UnitStatisticsOptions& options,
                                                     const ProgressFn& progress) {
  if (options.first_image >= source.size() || options.images == 0) {
    return absl::InvalidArgumentError(absl::StrCat("statistics need at least one image; ",
                                                   source.Describe(), " has ", source.size()));
  }
  return Guard([&]() -> absl::StatusOr<UnitStatistics> {
    StatisticsComputation computation(weights, preprocessing, source, options);
    RETURN_IF_ERROR(computation.Run(progress));
    return computation.Finish();
  });
}

}  // namespace snapvit
