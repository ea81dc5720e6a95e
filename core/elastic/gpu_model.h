// GpuModel: views of a model on a GPU, run as CUDA graphs. A forward of a ViT is hundreds of short
// kernels: launching them one by one takes the CPU longer than the GPU needs for a small batch. A
// graph launches them at once; there is one for each composition of a batch that comes again: the
// second time, if all images are at one rung, or often.
#ifndef SNAPVIT_CORE_ELASTIC_GPU_MODEL_H_
#define SNAPVIT_CORE_ELASTIC_GPU_MODEL_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/device/cuda_module.h"
#include "core/elastic/permuted_weights.h"

namespace snapvit {

// Thread-safe.
class GpuModel {
 public:
  struct Options {
    // Batches that run at the same time, each on a stream of its own: while one computes, another's
    // pixels and results are on their way.
    int streams = 1;
    // Images of a batch for which a stream has memory; more are computed without a graph.
    int64_t most_images = 64;
    // Graphs of a stream; the one that was not used for the longest time makes way.
    size_t most_graphs = 512;
  };

  // `weights` and `views`, of the rungs, are borrowed. Throws c10::Error like ATen itself; memory
  // on the GPU and page-locked memory of the host are taken here.
  GpuModel(const PermutedWeights& weights, const std::vector<View>& views, const CudaModule& module,
           const Options& options);
  ~GpuModel();

  struct Composition;  // of a batch
  class Stream;

  // A stream, the thread's present one and this thread's alone while the session lives. Waits until
  // one is free. For one batch.
  class Session {
   public:
    explicit Session(const GpuModel& model);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Where the pixels of the batch are best put, [images, 3, H, W] f32 on the CPU.
    at::Tensor HostPixels(int64_t images);

    // As AtenTokens, each image at its rung, images of one rung neighbours; pixels on the CPU or on
    // the GPU. The result is on the GPU, written when work given to the stream later runs, and
    // valid until the session ends. Throws c10::Error like ATen itself.
    at::Tensor Tokens(std::span<const int> rungs, const at::Tensor& pixels, int64_t first_tokens);

   private:
    Session(const GpuModel& model, Stream* stream);
    void CaptureOnFreeStreams(const Composition& composition);

    const GpuModel& model_;
    Stream* const stream_;
  };

  // Graphs that there are now, of all streams, and the first reason why one could not be made: such
  // batches are computed kernel by kernel.
  size_t graphs() const;
  absl::Status capture_failure() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Stream* Take() const ABSL_LOCKS_EXCLUDED(mu_);
  Stream* TakeIfFree() const ABSL_LOCKS_EXCLUDED(mu_);
  void GiveBack(Stream* stream) const ABSL_LOCKS_EXCLUDED(mu_);
  void NoteCapture(const absl::Status& status) const ABSL_LOCKS_EXCLUDED(mu_);

  const int64_t most_images_;
  mutable absl::Mutex mu_;
  std::vector<std::unique_ptr<Stream>> streams_;  // set at construction
  mutable std::vector<Stream*> free_ ABSL_GUARDED_BY(mu_);
  mutable absl::Status capture_failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_GPU_MODEL_H_
