// What one half of a block adds to the residual stream, and what the stream starts with: the parts
// that every forward of views by ATen is made of. Internal to core/elastic.
#ifndef SNAPVIT_CORE_ELASTIC_VIEW_HALVES_H_
#define SNAPVIT_CORE_ELASTIC_VIEW_HALVES_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/elastic/permuted_weights.h"

namespace snapvit {

// y [B·N, D], normed, in the execution dtype -> [B·queries, D], the sums for the first `queries`
// tokens of each image; or [D], the same for every row, of a view without heads.
at::Tensor AttentionOutput(const PermutedWeights& weights, const PermutedBlock& block,
                           const BlockView& view, int64_t batch, int64_t queries,
                           const at::Tensor& y);

// y [rows, D], normed -> [rows, D]; or [D] of a view without channels.
at::Tensor MlpOutput(const VitConfig& config, const BlockView& view, const at::Tensor& y);

// pixels [B, 3, H, W] f32, on the device of the weights -> [B·P, 3·p·p] in the execution dtype: the
// convolution whose stride is its kernel is one matrix product of these.
at::Tensor PatchRows(const PermutedWeights& weights, const at::Tensor& pixels);
// Rows of PatchRows -> the first input of the blocks, [B·N, D] f32.
at::Tensor EmbedPatchRows(const PermutedWeights& weights, const at::Tensor& patches, int64_t batch);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_VIEW_HALVES_H_
