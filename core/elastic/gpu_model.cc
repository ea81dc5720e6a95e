#include "core/elastic/gpu_model.h"

#include <ATen/ATen.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <atomic>
#include <compare>
#include <map>
#include <optional>
#include <utility>

#include "core/elastic/aten_pass.h"
#include "core/elastic/batch_bucket.h"
#include "core/model/torch_guard.h"

namespace snapvit {

// What a graph computes: images of each rung, one rung after another, and tokens of each image.
struct GpuModel::Composition {
  std::vector<std::pair<int, int64_t>> images;
  int64_t first_tokens = 0;

  auto operator<=>(const Composition&) const = default;
};

namespace {

using Composition = GpuModel::Composition;

// A capture takes about as long as so many runs. Batches of one rung come again, warm-ups see to
// that; of several rungs most do not.
constexpr int64_t kRunsBeforeCapture = 8;
// Compositions without a graph whose runs are counted.
constexpr size_t kMostRemembered = 512;

int64_t ImagesOf(const Composition& composition) {
  int64_t images = 0;
  for (const auto& [rung, count] : composition.images) images += count;
  return images;
}

// What a batch is computed as. Of one rung: as a size that others are computed as, too.
Composition Compose(std::span<const int> rungs, int64_t first_tokens, int64_t most_images) {
  Composition composition;
  composition.first_tokens = first_tokens;
  for (const int rung : rungs) {
    if (composition.images.empty() || composition.images.back().first != rung) {
      composition.images.emplace_back(rung, 0);
    }
    ++composition.images.back().second;
  }
  if (composition.images.size() == 1) {
    int64_t& images = composition.images.front().second;
    images = std::max(images, std::min(BatchBucket(images), most_images));
  }
  return composition;
}

}  // namespace

// The memory and the graphs of one stream. Used by one thread at a time.
class GpuModel::Stream {
 public:
  Stream(const PermutedWeights& weights, const std::vector<View>& views, const CudaModule& module,
         const Options& options)
      : weights_(weights), views_(views), module_(module), options_(options) {
    const VitConfig& config = weights.config;
    const auto on_gpu = weights.patch_weight.options().dtype(at::kFloat);
    const int64_t images = options.most_images;
    const std::vector<int64_t> shape = {images, 3, config.image_height, config.image_width};
    host_pixels_ = at::empty(shape, at::TensorOptions(at::kFloat).pinned_memory(IsCuda()));
    pixels_ = at::zeros(shape, on_gpu);
    tokens_ = at::empty({images * config.tokens() * config.embed_dim}, on_gpu);
    if (!IsCuda()) return;
    const c10::impl::VirtualGuardImpl cuda(at::kCUDA);
    stream_ = cuda.getStreamFromGlobalPool(on_gpu.device());
  }

  // Makes it the thread's present one.
  void Enter() {
    if (stream_.has_value()) present_.emplace(*stream_);
  }
  // Waits for it: its memory is the next session's then.
  void Leave() {
    // A GPU that failed says so to those who ask it for something.
    if (stream_.has_value()) Guard([&] { stream_->synchronize(); }).IgnoreError();
    present_.reset();
  }

  at::Tensor HostPixels(int64_t images) {
    if (images <= options_.most_images) return host_pixels_.narrow(0, 0, images);
    const VitConfig& config = weights_.config;
    return at::empty({images, 3, config.image_height, config.image_width}, at::kFloat);
  }

  // Without a graph, and with memory of its own.
  at::Tensor RunLarge(const Composition& composition, const at::Tensor& pixels) const {
    return Compute(composition, pixels.to(pixels_.device()));
  }

  void TakePixels(const at::Tensor& pixels) {
    pixels_.narrow(0, 0, pixels.size(0)).copy_(pixels, /*non_blocking=*/true);
  }

  // How a batch of the composition is computed best; remembers that it came.
  enum class Use { kRun, kCapture, kReplay };
  Use Recognise(const Composition& composition) {
    const auto [at, is_new] = entries_.try_emplace(composition);
    Entry& entry = at->second;
    entry.last_use = ++clock_;
    if (entry.graph.has_value()) return Use::kReplay;
    if (is_new && entries_.size() - graphs_ > kMostRemembered) RemoveLeastRecent(/*graphs=*/false);
    const int64_t enough = composition.images.size() == 1 ? 1 : kRunsBeforeCapture;
    return !entry.failed && entry.runs++ >= enough ? Use::kCapture : Use::kRun;
  }

  // Both compute the stream's pixels into its tokens.
  void Run(const Composition& composition) {
    TokensOf(composition).copy_(Compute(composition, pixels_.narrow(0, 0, ImagesOf(composition))));
  }
  void Replay(const Composition& composition) {
    const absl::Status status = entries_.at(composition).graph->Replay();
    TORCH_CHECK(status.ok(), std::string(status.message()));
  }

  // Runs, and makes Replay possible for the next time; what runs first sets up what libraries set
  // up once, which a graph may not. The error is that of the capture: the results are there.
  absl::Status Capture(const Composition& composition) {
    Run(composition);
    const CudaModule::Graph* share = nullptr;  // any will do
    for (const auto& [other, entry] : entries_) {
      if (entry.graph.has_value()) share = &*entry.graph;
    }
    absl::StatusOr<CudaModule::Graph> graph = module_.Capture(
        IsCuda() ? pixels_.get_device() : 0,
        [this, composition] { return Guard([&] { Run(composition); }); }, share);
    Entry& entry = entries_[composition];
    entry.failed = !graph.ok();
    if (!graph.ok()) return graph.status();
    entry.graph.emplace(*std::move(graph));
    if (++graphs_ > options_.most_graphs) RemoveLeastRecent(/*graphs=*/true);
    return absl::OkStatus();
  }

  // [images, first_tokens, D]
  at::Tensor TokensOf(const Composition& composition) const {
    const int64_t width = weights_.config.embed_dim, images = ImagesOf(composition);
    return tokens_.narrow(0, 0, images * composition.first_tokens * width)
        .view({images, composition.first_tokens, width});
  }

  size_t graphs() const { return graphs_; }

 private:
  struct Entry {
    uint64_t last_use = 0;
    int64_t runs = 0;     // without a graph
    bool failed = false;  // to become one
    std::optional<CudaModule::Graph> graph;
  };

  bool IsCuda() const { return weights_.patch_weight.is_cuda(); }

  at::Tensor Compute(const Composition& composition, const at::Tensor& pixels) const {
    std::vector<ViewGroup> groups;
    for (const auto& [rung, count] : composition.images) groups.push_back({&views_[rung], count});
    return AtenTokens(weights_, groups, pixels, composition.first_tokens, &module_);
  }

  // Of those that are graphs, or of those that are not.
  void RemoveLeastRecent(bool graphs) {
    auto least = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      if (at->second.graph.has_value() != graphs) continue;
      if (least == entries_.end() || at->second.last_use < least->second.last_use) least = at;
    }
    entries_.erase(least);
    if (graphs) --graphs_;
  }

  const PermutedWeights& weights_;
  const std::vector<View>& views_;
  const CudaModule module_;
  const Options options_;
  std::optional<c10::Stream> stream_;
  std::optional<c10::StreamGuard> present_;
  at::Tensor host_pixels_, pixels_;  // [most_images, 3, H, W], page-locked and on the GPU
  at::Tensor tokens_;                // room for [most_images, N, D]
  std::map<Composition, Entry> entries_;
  uint64_t clock_ = 0;  // counts uses
  std::atomic<size_t> graphs_ = 0;
};

GpuModel::GpuModel(const PermutedWeights& weights, const std::vector<View>& views,
                   const CudaModule& module, const Options& options)
    : most_images_(options.most_images) {
  for (int i = 0; i < options.streams; ++i) {
    streams_.push_back(std::make_unique<Stream>(weights, views, module, options));
    free_.push_back(streams_.back().get());
  }
}

GpuModel::~GpuModel() = default;

size_t GpuModel::graphs() const {
  size_t graphs = 0;
  for (const auto& stream : streams_) graphs += stream->graphs();
  return graphs;
}

GpuModel::Stream* GpuModel::Take() const {
  const auto any_free = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !free_.empty(); };
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&any_free));
  Stream* const stream = free_.back();
  free_.pop_back();
  return stream;
}

GpuModel::Stream* GpuModel::TakeIfFree() const {
  absl::MutexLock lock(&mu_);
  if (free_.empty()) return nullptr;
  Stream* const stream = free_.back();
  free_.pop_back();
  return stream;
}

void GpuModel::GiveBack(Stream* stream) const {
  absl::MutexLock lock(&mu_);
  free_.push_back(stream);
}

void GpuModel::NoteCapture(const absl::Status& status) const {
  if (status.ok()) return;
  absl::MutexLock lock(&mu_);
  capture_failure_.Update(status);
}

absl::Status GpuModel::capture_failure() const {
  absl::MutexLock lock(&mu_);
  return capture_failure_;
}

GpuModel::Session::Session(const GpuModel& model) : Session(model, model.Take()) {}

GpuModel::Session::Session(const GpuModel& model, Stream* stream) : model_(model), stream_(stream) {
  stream_->Enter();
}

GpuModel::Session::~Session() {
  stream_->Leave();
  model_.GiveBack(stream_);
}

// So that a warm-up, which has one stream, prepares all.
void GpuModel::Session::CaptureOnFreeStreams(const Composition& composition) {
  std::vector<std::unique_ptr<Session>> others;
  while (Stream* const stream = model_.TakeIfFree()) {
    others.emplace_back(new Session(model_, stream));
    if (stream->Recognise(composition) == Stream::Use::kReplay) continue;
    model_.NoteCapture(Guard([&] { return stream->Capture(composition); }));
  }
  while (!others.empty()) others.pop_back();  // each had become the present stream in turn
}

at::Tensor GpuModel::Session::HostPixels(int64_t images) { return stream_->HostPixels(images); }

at::Tensor GpuModel::Session::Tokens(std::span<const int> rungs, const at::Tensor& pixels,
                                     int64_t first_tokens) {
  const int64_t images = pixels.size(0);
  const Composition composition = Compose(rungs, first_tokens, model_.most_images_);
  if (images > model_.most_images_) return stream_->RunLarge(composition, pixels);
  stream_->TakePixels(pixels);
  switch (stream_->Recognise(composition)) {
    case Stream::Use::kRun:
      stream_->Run(composition);
      break;
    case Stream::Use::kCapture:
      model_.NoteCapture(stream_->Capture(composition));
      CaptureOnFreeStreams(composition);
      break;
    case Stream::Use::kReplay:
      stream_->Replay(composition);
      break;
  }
  return stream_->TokensOf(composition).narrow(0, 0, images);
}

}  // namespace snapvit
