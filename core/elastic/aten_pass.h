// AtenTokens: the forward pass by ATen of a batch whose images are at different views: on GPUs, and
// on processors without kernels of ours. Internal to core/elastic.
#ifndef SNAPVIT_CORE_ELASTIC_ATEN_PASS_H_
#define SNAPVIT_CORE_ELASTIC_ATEN_PASS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "core/device/cuda_module.h"
#include "core/elastic/permuted_weights.h"

namespace snapvit {

// Neighbouring images of a batch that are at one view.
struct ViewGroup {
  const View* view = nullptr;
  int64_t images = 0;
};

// pixels [B, 3, H, W] f32, normalised, on the device of the weights; `groups` are of B images
// together -> tokens [B, n, D] f32 after the last block and, unless the model norms after pooling,
// after the final norm; n = first_tokens, 1 … N: the last block computes the others no further than
// keys and values. What is done by rows is done for all images at once; in a product, groups that
// keep as many units of the structure are one. `module`, if it has kernels, does what lies between
// products. Throws c10::Error like ATen itself. Thread-safe.
at::Tensor AtenTokens(const PermutedWeights& weights, std::span<const ViewGroup> groups,
                      const at::Tensor& pixels, int64_t first_tokens, const CudaModule* module);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_ATEN_PASS_H_
