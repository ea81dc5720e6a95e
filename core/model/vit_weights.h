// VitWeights: the parameters of a dense Vision Transformer, of every family, in one layout and the
// checkpoint's own order of units: the form that the reference forward, the gradient scores and the
// permutation start from.
#ifndef SNAPVIT_CORE_MODEL_VIT_WEIGHTS_H_
#define SNAPVIT_CORE_MODEL_VIT_WEIGHTS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/statusor.h"
#include "core/model/vit_config.h"

namespace snapvit {

// A linear layer: weight [out, in], bias [out] or undefined.
struct Linear {
  at::Tensor weight, bias;
};

// Scale and shift of a LayerNorm, [n] each; undefined where the model has no such norm.
struct Norm {
  at::Tensor weight, bias;
};

// D = embed_dim, h = mlp_hidden, H = heads, dh = head_dim. All tensors of a model share one dtype.
// What is packed in a checkpoint (q | k | v, gate | value) is a view of its rows here.
struct BlockWeights {
  Norm norm1;                 // [D]
  Linear query, key, value;   // [H·dh, D], head-major
  Norm query_norm, key_norm;  // [dh], with qk_norm
  Linear proj;                // [D, H·dh]
  at::Tensor scale1;          // [D], with layer_scale: of what attention adds
  Norm norm2;                 // [D]
  Linear gate;                // [h, D], with gated_mlp
  Linear fc1;                 // [h, D]
  Linear fc2;                 // [D, h]
  at::Tensor scale2;          // [D], with layer_scale: of what the MLP adds
};

// SigLIP's pooling head, with ModelPooling::kAttention.
struct AttentionPoolWeights {
  at::Tensor latent;               // [1, 1, D]
  Linear query, key, value, proj;  // [D, D]
  Norm norm;                       // [D]
  Linear fc1, fc2;                 // [pool_mlp_hidden, D], [D, pool_mlp_hidden]
};

struct VitWeights {
  VitConfig config;
  Linear patch;       // [D, 3, p, p]
  at::Tensor prefix;  // [1, prefix_tokens, D], undefined without any
  at::Tensor
      position_embedding;  // [1, N, D], zero where a prefix token has none; undefined if rotary
  Norm norm_before;        // [D], with norm_before
  std::vector<BlockWeights> blocks;  // depth of them
  Norm norm;                         // [D]: on the tokens, or after pooling with norm_after_pooling
  AttentionPoolWeights pool;
  Linear head;            // [C, classifier_width], undefined without a classifier
  at::Tensor projection;  // [projection_dim, D], undefined without one
};

// Every member, defined or not, in a fixed order: what converts, counts or moves all weights walks
// these.
std::vector<at::Tensor*> TensorsOf(VitWeights& weights);
std::vector<at::Tensor*> TensorsOf(AttentionPoolWeights& pool);

// A copy in f32 that owns its memory, also if the weights are f32 already. RESOURCE_EXHAUSTED
// without memory.
absl::StatusOr<VitWeights> ToFloat32(const VitWeights& weights);

// The weights on `device`: copies, or the same tensors if they are there already.
// RESOURCE_EXHAUSTED without memory there.
absl::StatusOr<VitWeights> To(const VitWeights& weights, at::Device device);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_VIT_WEIGHTS_H_
