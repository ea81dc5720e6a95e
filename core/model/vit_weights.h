// VitWeights: the parameters of a dense Vision Transformer in the checkpoint's own order and layout
// (timm's): the form that the reference forward, the gradient scores and the permutation start
// from.
#ifndef SNAPVIT_CORE_MODEL_VIT_WEIGHTS_H_
#define SNAPVIT_CORE_MODEL_VIT_WEIGHTS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/statusor.h"
#include "core/model/vit_config.h"

namespace snapvit {

// D = embed_dim, h = mlp_hidden, H = heads, dh = head_dim. All tensors of a model share one dtype.
struct BlockWeights {
  at::Tensor norm1_weight, norm1_bias;  // [D]
  at::Tensor qkv_weight;                // [3·H·dh, D], rows q | k | v, each head-major
  at::Tensor qkv_bias;                  // [3·H·dh], undefined without qkv_bias
  at::Tensor proj_weight;               // [D, H·dh]
  at::Tensor proj_bias;                 // [D]
  at::Tensor norm2_weight, norm2_bias;  // [D]
  at::Tensor fc1_weight;                // [h, D]
  at::Tensor fc1_bias;                  // [h]
  at::Tensor fc2_weight;                // [D, h]
  at::Tensor fc2_bias;                  // [D]
};

struct VitWeights {
  VitConfig config;
  at::Tensor patch_weight;        // [D, 3, p, p]
  at::Tensor patch_bias;          // [D]
  at::Tensor class_token;         // [1, 1, D], undefined without one
  at::Tensor position_embedding;  // [1, tokens, D]: class token (zero if it has none), then patches
  std::vector<BlockWeights> blocks;  // depth of them
  at::Tensor norm_weight,
      norm_bias;  // [D]: on the tokens, or after pooling with norm_after_pooling
  at::Tensor head_weight, head_bias;  // [C, D], [C], undefined without a classifier
};

// Every member, defined or not, in a fixed order: what converts, counts or moves all weights walks
// these.
std::vector<at::Tensor*> TensorsOf(BlockWeights& block);
std::vector<at::Tensor*> TensorsOf(VitWeights& weights);

// A copy in f32 that owns its memory, also if the weights are f32 already. RESOURCE_EXHAUSTED
// without memory.
absl::StatusOr<VitWeights> ToFloat32(const VitWeights& weights);

// The weights on `device`: copies, or the same tensors if they are there already.
// RESOURCE_EXHAUSTED without memory there.
absl::StatusOr<VitWeights> To(const VitWeights& weights, at::Device device);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_VIT_WEIGHTS_H_
