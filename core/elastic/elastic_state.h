// The tensors behind an ElasticModel.
#ifndef SNAPVIT_CORE_ELASTIC_ELASTIC_STATE_H_
#define SNAPVIT_CORE_ELASTIC_ELASTIC_STATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/elastic/correction_set.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/gpu_model.h"
#include "core/elastic/packed_model.h"
#include "core/elastic/permuted_weights.h"

namespace snapvit {

struct ElasticModel::State {
  // Without blocks and patch embedding if `packed` has them.
  PermutedWeights weights;
  CorrectionSet corrections;  // of all rungs; empty if `packed` has them
  // One per rung: slices of `weights`, made at load so that a switch is a look-up. None if packed.
  std::vector<View> views;
  // What the processor's own kernels run, or null.
  std::unique_ptr<const PackedModel> packed;
  // Streams and graphs of the GPU that `views` are on, or null.
  std::unique_ptr<const GpuModel> gpu;
};

// What a thread computes of one batch, from its pixels to results on the CPU: on a GPU, on a stream
// that it has for itself meanwhile. Functions throw c10::Error like ATen itself.
class ForwardSession {
 public:
  // Waits for a stream.
  explicit ForwardSession(const ElasticModel& model) : model_(model) {
    if (model.state().gpu != nullptr) gpu_.emplace(*model.state().gpu);
  }

  // Where the pixels of the batch are best put, [images, 3, H, W] f32 on the CPU.
  at::Tensor HostPixels(int64_t images);
  // As RungTokens; valid until the session ends. Images of one rung are neighbours.
  at::Tensor Tokens(std::span<const int> rungs, const at::Tensor& pixels, int64_t first_tokens);

 private:
  const ElasticModel& model_;
  std::optional<GpuModel::Session> gpu_;
};

// pixels [B, 3, H, W] f32, normalised -> tokens [B, n, D] f32 after the last block and, unless the
// model norms after pooling, after the final norm, each image at its rung. n is `first_tokens`, 1 …
// N: the first tokens of each image are enough. Throws c10::Error like ATen itself.
at::Tensor RungTokens(const ElasticModel& model, std::span<const int> rungs,
                      const at::Tensor& pixels, int64_t first_tokens);
// All images at one rung.
at::Tensor RungTokens(const ElasticModel& model, int rung, const at::Tensor& pixels,
                      int64_t first_tokens);
at::Tensor RungTokens(const ElasticModel& model, int rung, const at::Tensor& pixels);

// How many of the first tokens the model's own embedding, and its classifier, need.
int64_t TokensOfEmbedding(const VitConfig& config);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_ELASTIC_STATE_H_
