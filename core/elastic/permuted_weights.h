// PermutedWeights: the one copy of the weights that every budget is served from. Units of each
// block are stored most important first, in layouts where the first n of them are the first rows of
// a contiguous matrix, so a smaller model is a prefix: a slice that shares storage.
// (docs/design.md, "One set of weights")
#ifndef SNAPVIT_CORE_ELASTIC_PERMUTED_WEIGHTS_H_
#define SNAPVIT_CORE_ELASTIC_PERMUTED_WEIGHTS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/elastic/keep_counts.h"
#include "core/elastic/keep_rule.h"
#include "core/model/pooling_head.h"
#include "core/model/rotary.h"
#include "core/model/vit_weights.h"

namespace snapvit {

// Matrices are in the execution dtype, norms and everything that is added to the f32 residual
// stream in f32. r rows of the first MLP layer are one channel: 1, or 2 with gated_mlp.
struct PermutedBlock {
  Norm norm1;                 // [D] f32
  at::Tensor qkv_weight;      // [H, 3, dh, D], head-major
  at::Tensor qkv_bias;        // [H, 3, dh], undefined without any; zero where there is none
  Norm query_norm, key_norm;  // [dh] f32, with qk_norm
  at::Tensor proj_weight;     // [H·dh, D], transposed
  at::Tensor proj_bias;       // [D], as all biases zero if the model has none
  at::Tensor scale1;          // [D] f32, with layer_scale
  Norm norm2;                 // [D] f32
  at::Tensor fc1_weight;      // [h·r, D]: gate and value of a channel are neighbours
  at::Tensor fc1_bias;        // [h·r]
  at::Tensor fc2_weight;      // [h, D], transposed
  at::Tensor fc2_bias;        // [D]
  at::Tensor scale2;          // [D] f32, with layer_scale
};

struct PermutedWeights {
  VitConfig config;
  at::Tensor patch_weight;        // [3·p·p, D], transposed
  at::Tensor patch_bias;          // [D]
  at::Tensor prefix;              // [1, prefix_tokens, D] f32, undefined without any
  at::Tensor position_embedding;  // [1, N, D] f32, undefined if rotary
  Norm norm_before;               // [D] f32, with norm_before
  RotaryTable rotary;             // f32
  std::vector<PermutedBlock> blocks;
  HeadWeights head;  // all in f32 but the matrices of the pooling head

  // Bytes of all parameters.
  size_t Bytes() const;
};

// Copies `weights` once, permuted by `ranking` (identity if null) and converted to `dtype`. Nothing
// of the result refers to `weights`, so a mapped checkpoint can be released afterwards. The result
// is on the device of `weights`. `after_block` is called whenever a block has been copied, so that
// its source can be let go. RESOURCE_EXHAUSTED if memory is.
absl::StatusOr<PermutedWeights> Permute(const VitWeights& weights, const UnitRanking* ranking,
                                        at::ScalarType dtype,
                                        const std::function<void()>& after_block = nullptr);

// The weights on `device`: copies, or the same tensors if they are there already. Views are made
// from the result: those of `weights` stay where they are. RESOURCE_EXHAUSTED without memory there.
absl::StatusOr<PermutedWeights> To(const PermutedWeights& weights, at::Device device);

class CorrectionSet;

// The slices of one block at one view. The matrices share storage with PermutedBlock; what stands
// for pruned units is shared by all views with as many units of the structure.
struct BlockView {
  int heads = 0;
  int channels = 0;
  at::Tensor qkv_weight;   // [heads·3·dh, D]
  at::Tensor qkv_bias;     // [heads·3·dh]
  at::Tensor proj_weight;  // [heads·dh, D]
  at::Tensor fc1_weight;   // [channels·r, D]
  at::Tensor fc1_bias;     // [channels·r]
  at::Tensor fc2_weight;   // [channels, D]

  at::Tensor proj_bias, fc2_bias;  // [D], corrected
  // Low-rank corrections (core/elastic/corrections.h), undefined where there are none.
  at::Tensor proj_in, proj_out;  // [heads·dh, rank], [rank, D] bf16
  at::Tensor fc2_in, fc2_out;    // [channels, rank], [rank, D] bf16
};

using View = std::vector<BlockView>;  // one per block

// r: rows of the first MLP layer that are one channel.
inline int RowsOfChannel(const VitConfig& config) { return config.block.gated_mlp ? 2 : 1; }

// Zero-copy. REQUIRES: `keep` fits the weights' shape.
View MakeView(const PermutedWeights& weights, const CorrectionSet& corrections,
              const KeepCounts& keep);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_PERMUTED_WEIGHTS_H_
