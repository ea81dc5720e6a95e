// PackedWeights: a model's matrices in the layout of core/kernels, and its vectors: what
// core/elastic/packed_pass.h computes with. With W = Int8<T> the four large matrices of each block
// are int8, and all else is of T; otherwise all is of T = W. Internal to PackedModel.
#ifndef SNAPVIT_CORE_ELASTIC_PACKED_WEIGHTS_H_
#define SNAPVIT_CORE_ELASTIC_PACKED_WEIGHTS_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "core/elastic/correction_set.h"
#include "core/elastic/permuted_weights.h"
#include "core/kernels/compact_matrix.h"
#include "core/kernels/kernels.h"
#include "core/kernels/packed_matrix.h"

namespace snapvit {

// A matrix of a block. One of int8 has a scale for each output, over all inputs: so a prefix in
// either direction stays one.
template <typename W>
struct LayerMatrix {
  PackedMatrix<OperandOf<W>> values;
  std::vector<float> scales, gate_scales;  // of int8: of each output; of a gated layer's gates

  size_t bytes() const {
    return values.bytes() + (scales.size() + gate_scales.size()) * sizeof(float);
  }
};

// Vectors are f32.
template <typename W>
struct PackedBlock {
  Norm norm1, norm2, query_norm, key_norm;
  at::Tensor qkv_bias, proj_bias, fc1_bias, gate_bias, fc2_bias;
  at::Tensor scale1, scale2;
  LayerMatrix<W> qkv, proj, fc1, fc2;
};

// What stands for the pruned units of a structure.
template <typename T>
struct PackedCorrection {
  at::Tensor bias;           // [D] f32
  CompactMatrix<T> in, out;  // [units, rank], [rank, D]; empty without a low-rank part
};

// W: BFloat16Bits, float, or Int8 of them. Immutable once made.
template <typename W>
struct PackedWeights {
  using T = ResultOf<W>;

  // Takes blocks and patch embedding out of `weights`, one after another. Throws c10::Error and
  // std::bad_alloc.
  PackedWeights(PermutedWeights& weights, const CorrectionSet& corrections_of);

  const PackedCorrection<T>* Find(int structure, int keep) const {
    const auto it = corrections.find({structure, keep});
    return it == corrections.end() ? nullptr : &it->second;
  }
  size_t weight_bytes() const;
  size_t correction_bytes() const;

  VitConfig config;
  PackedMatrix<T> patch;
  at::Tensor start;  // [N, D] f32: prefix tokens, positions and the bias of the patches
  Norm norm_before, norm;
  RotaryTable rotary;
  std::vector<PackedBlock<W>> blocks;
  std::map<std::pair<int, int>, PackedCorrection<T>> corrections;  // by structure and units kept
};

extern template struct PackedWeights<BFloat16Bits>;
extern template struct PackedWeights<float>;
extern template struct PackedWeights<Int8<BFloat16Bits>>;
extern template struct PackedWeights<Int8<float>>;

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_PACKED_WEIGHTS_H_
