// The embedding of a view without the tokens that it does not depend on: what the fitness of the
// published recipe is measured with, thousands of times.
#ifndef SNAPVIT_CORE_SNAPVIT_POOLED_FORWARD_H_
#define SNAPVIT_CORE_SNAPVIT_POOLED_FORWARD_H_

#include <ATen/core/Tensor.h>

#include "core/elastic/permuted_weights.h"

namespace snapvit {

// The model's default embedding [B, D] f32 from the output of EmbedPatches
// (core/elastic/view_forward.h), [B·N, D], which is overwritten. Equal to PoolDefault(ViewTokens())
// but for rounding. With class-token pooling the last block is computed for that token only, and
// its attention in the width of the model: q·(Wk·y) = (Wkᵀ·q)·y and Σ a·(Wv·y) = Wv·(Σ a·y), so
// that keys and values of the other tokens are never formed (the key bias shifts all scores of a
// softmax alike and drops out). Saves nearly one block of config.depth.
//
// Throws like ATen: call inside Guard. Thread-safe: weights and view are only read. REQUIRES:
// weights in f32 or bf16.
at::Tensor PooledForward(const PermutedWeights& weights, const View& view, int64_t batch,
                         at::Tensor& x);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_POOLED_FORWARD_H_
