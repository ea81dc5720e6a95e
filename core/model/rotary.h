// Rotary position embedding of DINOv3: how queries and keys of the patches are turned by where the
// patch lies (Su et al. 2021, RoFormer, in the two dimensions of the image).
#ifndef SNAPVIT_CORE_MODEL_ROTARY_H_
#define SNAPVIT_CORE_MODEL_ROTARY_H_

#include <ATen/core/Tensor.h>

#include "core/model/vit_config.h"

namespace snapvit {

struct RotaryTable {
  at::Tensor cos, sin;  // [N, dh] f32: 1 and 0 for tokens that are no patches
};

// Patch (i, j) of an H × W grid is at 2·(i + ½)/H − 1 and 2·(j + ½)/W − 1. Each coordinate has dh/4
// angles 2π·coordinate / theta^(4·k/dh); a row is (angles of i, angles of j), twice.
// Undefined tensors for a model without rotary positions. REQUIRES: head_dim is a multiple of 4
// then.
RotaryTable MakeRotaryTable(const VitConfig& config);
RotaryTable To(const RotaryTable& table, at::Device device);

// x·cos + (−x₂, x₁)·sin, with x = (x₁, x₂) halved in its last dimension. x [..., N, dh] of any
// dtype: computed in f32, returned in x's dtype. x itself without a table. Differentiable.
at::Tensor Rotate(const at::Tensor& x, const RotaryTable& table);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_ROTARY_H_
