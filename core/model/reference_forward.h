// ReferenceForward: the model in plain ATen operators, written to be read and compared with: no
// fusion, no in-place writes, differentiable in the weights, the pixels and the replacements. It is
// the yardstick of the fast paths and what the gradient scores are taken from; it serves no
// requests.
#ifndef SNAPVIT_CORE_MODEL_REFERENCE_FORWARD_H_
#define SNAPVIT_CORE_MODEL_REFERENCE_FORWARD_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/statusor.h"
#include "core/model/vit_weights.h"

namespace snapvit {

// What is put in the place of pruned units of one block: x becomes keep·x + (1 − keep)·constant.
// Dtype and device are the weights'. h, H, dh as in BlockWeights.
struct BlockReplacement {
  at::Tensor channel_keep;  // [h], of what the MLP's second layer sees; undefined keeps all
  at::Tensor head_keep;     // [H], of the heads' outputs before the projection; undefined keeps all
  at::Tensor channel_constant;  // [h]; undefined: zeros
  at::Tensor head_constant;     // [H, dh]; undefined: zeros
};

struct UnitReplacement {
  std::vector<BlockReplacement> blocks;  // config.depth of them
};

// B images, N = config.tokens(), D, C as in VitWeights.
struct ReferenceOutput {
  at::Tensor tokens;     // [B, N, D]: after the final norm, or before it with norm_after_pooling
  at::Tensor pooled;     // [B, D]: the embedding (config.pooling)
  at::Tensor logits;     // [B, C], undefined without a classifier
  at::Tensor projected;  // [B, projection_dim], undefined without a projection (CLIP)
};

// Inside of a forward pass, per half of a block (2·i: attention of block i, 2·i + 1: its MLP).
struct ForwardTaps {
  std::vector<at::Tensor> units;  // [B, N, n]: outputs of the heads (n = H·dh) or channels (n = h)
  std::vector<at::Tensor> outputs;  // [B, N, D]: the residual stream behind the half
};

// What autograd keeps of one image for the backward pass of a differentiated forward, in bytes,
// roughly and rather too much: to decide how many images fit into memory.
size_t ActivationBytes(const VitConfig& config);

// `pixels`: [B, 3, image_height, image_width], normalised, of the weights' dtype and device.
// Records gradients as any ATen operator does. Thread-safe: everything is only read.
// INVALID_ARGUMENT for pixels or replacements of the wrong shape or dtype; RESOURCE_EXHAUSTED
// without memory; INTERNAL for any other failure of ATen. Throws nothing.
absl::StatusOr<ReferenceOutput> ReferenceForward(const VitWeights& weights,
                                                 const at::Tensor& pixels,
                                                 const UnitReplacement* replacement = nullptr,
                                                 ForwardTaps* taps = nullptr);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_REFERENCE_FORWARD_H_
