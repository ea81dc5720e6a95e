// The forward pass of a view in plain ATen operators. Residual stream, norms and softmax statistics
// are f32; matrix products run in the weights' dtype. Not differentiable (the reference forward in
// core/model is).
#ifndef SNAPVIT_CORE_ELASTIC_VIEW_FORWARD_H_
#define SNAPVIT_CORE_ELASTIC_VIEW_FORWARD_H_

#include <ATen/core/Tensor.h>

#include "core/elastic/permuted_weights.h"

namespace snapvit {

// All functions throw c10::Error like ATen itself: call them inside Guard
// (core/model/torch_guard.h). Thread-safe: weights and views are only read. Weights, views and
// results are on one device; pixels may be elsewhere and are copied to it.

// pixels [B, 3, H, W] f32, normalised -> tokens [B, N, D] f32 after the last block and, unless the
// model norms after pooling, after the final norm.
at::Tensor ViewTokens(const PermutedWeights& weights, const View& view, const at::Tensor& pixels);

// The parts of ViewTokens, for a search that changes one half of a block and runs on from there.
// Halves are numbered as in core/elastic/structure.h.
//
// pixels -> input of half 0, [B·N, D] f32.
at::Tensor EmbedPatches(const PermutedWeights& weights, const at::Tensor& pixels);
// Runs half `half` on its input x [B·N, D], in place: x becomes the input of the next one.
void RunHalf(const PermutedWeights& weights, const View& view, size_t half, int64_t batch,
             at::Tensor& x);
// Output of the last half -> tokens [B, N, D].
at::Tensor FinishTokens(const PermutedWeights& weights, const at::Tensor& x, int64_t batch);

// tokens [B, N, D] -> the model's own embedding [B, D] f32.
at::Tensor PoolDefault(const PermutedWeights& weights, const at::Tensor& tokens);

// tokens, and the embedding that PoolDefault made of them -> logits [B, C] f32. REQUIRES: the model
// has a classifier.
at::Tensor Logits(const PermutedWeights& weights, const at::Tensor& tokens,
                  const at::Tensor& pooled);

// The embedding in the joint text-image space, [B, projection_dim] f32. REQUIRES: the model has a
// projection.
at::Tensor Projection(const PermutedWeights& weights, const at::Tensor& pooled);

// What the second MLP layer sees, [rows, channels], of what the first gave, [rows, channels·r],
// which may be overwritten.
at::Tensor MlpHidden(const VitConfig& config, at::Tensor first);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_VIEW_FORWARD_H_
