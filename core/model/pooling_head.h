// What comes after the blocks: pooling, classifier, projection. Never pruned, so that the reference
// forward and the views share it.
#ifndef SNAPVIT_CORE_MODEL_POOLING_HEAD_H_
#define SNAPVIT_CORE_MODEL_POOLING_HEAD_H_

#include <ATen/core/Tensor.h>

#include "core/model/vit_config.h"
#include "core/model/vit_weights.h"

namespace snapvit {

// As in VitWeights. Matrices of `pool` may have another dtype than the tokens: its products run in
// it, softmax and norm in f32 at least.
struct HeadWeights {
  Norm norm;
  AttentionPoolWeights pool;
  Linear head;
  at::Tensor projection;
};

// All functions are differentiable, write nothing in place, and throw c10::Error like ATen itself.
// `tokens`: [B, N, D] after the final norm, or before it with norm_after_pooling.

// The model's own embedding, [B, D].
at::Tensor Pool(const VitConfig& config, const HeadWeights& head, const at::Tensor& tokens);

// Mean of the patch tokens, [B, D], and the patch tokens themselves, [B, patches, D].
at::Tensor MeanOfPatches(const VitConfig& config, const at::Tensor& tokens);
at::Tensor PatchTokens(const VitConfig& config, const at::Tensor& tokens);

// Logits [B, C]. `pooled`: what Pool gave. REQUIRES: the model has a classifier.
at::Tensor Classify(const VitConfig& config, const HeadWeights& head, const at::Tensor& tokens,
                    const at::Tensor& pooled);

// [B, projection_dim], from what Pool gave. REQUIRES: the model has a projection.
at::Tensor Project(const HeadWeights& head, const at::Tensor& pooled);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_POOLING_HEAD_H_
