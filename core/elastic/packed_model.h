// PackedModel: the weights of an elastic model in the layout of core/kernels, and the forward pass
// of its views on them: what serves on processors that have kernels. Every view reads the one copy
// of the weights; what stands for pruned units is shared by all views with as many units of the
// structure.
#ifndef SNAPVIT_CORE_ELASTIC_PACKED_MODEL_H_
#define SNAPVIT_CORE_ELASTIC_PACKED_MODEL_H_

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "core/elastic/correction_set.h"
#include "core/elastic/keep_counts.h"
#include "core/elastic/permuted_weights.h"

namespace snapvit {

// Immutable; safe to use from any thread.
class PackedModel {
 public:
  // Whether this processor has kernels for matrices of `dtype` (at::kFloat, at::kBFloat16 or, the
  // large ones of the blocks, at::kChar), and they can run such a model.
  static bool Supports(const VitConfig& config, at::ScalarType dtype);

  // What weights are to be of to become a model of `dtype`: that, or for at::kChar what all else
  // than those matrices is computed in.
  static at::ScalarType WeightsDtype(at::ScalarType dtype);

  // Takes blocks and patch embedding out of `weights`, one after another, so that there are never
  // two copies of all. REQUIRES: Supports() of `dtype`; weights on the CPU, of WeightsDtype(dtype)
  // or another that there are kernels for int8 beside. RESOURCE_EXHAUSTED without memory.
  static absl::StatusOr<std::unique_ptr<PackedModel>> Create(PermutedWeights& weights,
                                                             const CorrectionSet& corrections,
                                                             at::ScalarType dtype);
  virtual ~PackedModel() = default;

  // pixels [B, 3, H, W] f32 on the CPU, normalised -> tokens [B, n, D] f32 after the last block
  // and, unless the model norms after pooling, after the final norm; n = first_tokens, 1 … N: the
  // others are left out of the last block as far as possible. `views`: of each image the view that
  // runs it, one that the corrections were made for; equal views are the same object. With the
  // threads that ATen has on the calling thread; scratch memory stays with them. Throws
  // c10::Error like ATen itself.
  virtual at::Tensor Tokens(std::span<const KeepCounts* const> views, const at::Tensor& pixels,
                            int64_t first_tokens) const = 0;

  // Whose kernels compute: "AVX-512", say.
  virtual const char* instruction_set() const = 0;

  // Bytes of weights, and of what stands for pruned units.
  virtual size_t weight_bytes() const = 0;
  virtual size_t correction_bytes() const = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_PACKED_MODEL_H_
