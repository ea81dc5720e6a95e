// PackedWeights: a model's matrices in the layout of core/kernels, and its vectors: what
// core/elastic/packed_pass.h computes with. Internal to PackedModel.
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
#include "core/kernels/packed_matrix.h"

namespace snapvit {

// Vectors are f32.
template <typename T>
struct PackedBlock {
  Norm norm1, norm2, query_norm, key_norm;
  at::Tensor qkv_bias, proj_bias, fc1_bias, gate_bias, fc2_bias;
  at::Tensor scale1, scale2;
  PackedMatrix<T> qkv, proj, fc1, fc2;
};

// What stands for the pruned units of a structure.
template <typename T>
struct PackedCorrection {
  at::Tensor bias;           // [D] f32
  CompactMatrix<T> in, out;  // [units, rank], [rank, D]; empty without a low-rank part
};

// T: BFloat16Bits or float. Immutable once made.
template <typename T>
struct PackedWeights {
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
  std::vector<PackedBlock<T>> blocks;
  std::map<std::pair<int, int>, PackedCorrection<T>> corrections;  // by structure and units kept
};

extern template struct PackedWeights<BFloat16Bits>;
extern template struct PackedWeights<float>;

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_PACKED_WEIGHTS_H_
