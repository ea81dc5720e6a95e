// The tensors behind an ElasticModel.
#ifndef SNAPVIT_CORE_ELASTIC_ELASTIC_STATE_H_
#define SNAPVIT_CORE_ELASTIC_ELASTIC_STATE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/elastic/correction_set.h"
#include "core/elastic/elastic_model.h"
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
};

// pixels [B, 3, H, W] f32, normalised -> tokens [B, n, D] f32 after the last block and, unless the
// model norms after pooling, after the final norm, each image at its rung. n is N, or
// `first_tokens` at least: the first tokens of each image are enough. Throws c10::Error like ATen
// itself.
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
