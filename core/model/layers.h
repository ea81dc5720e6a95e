// The layers that all forwards are made of, in plain ATen operators: differentiable, no in-place
// writes. Throw c10::Error like ATen itself.
#ifndef SNAPVIT_CORE_MODEL_LAYERS_H_
#define SNAPVIT_CORE_MODEL_LAYERS_H_

#include <ATen/core/Tensor.h>

#include "core/model/vit_config.h"
#include "core/model/vit_weights.h"

namespace snapvit {

// x [..., in] -> [..., out], in the dtype of the weights, which x must have.
at::Tensor Apply(const Linear& linear, const at::Tensor& x);

// LayerNorm over the last dimension.
at::Tensor Apply(const Norm& norm, const at::Tensor& x, double eps);

at::Tensor Activate(Activation activation, const at::Tensor& x);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_LAYERS_H_
