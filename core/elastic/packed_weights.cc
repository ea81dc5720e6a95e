#include "core/elastic/packed_weights.h"

#include <ATen/ATen.h>

namespace snapvit {
namespace {

template <typename T>
inline constexpr at::ScalarType kDtype = sizeof(T) == 2 ? at::kBFloat16 : at::kFloat;

// REQUIRES: elements of T.
template <typename T>
const T* Elements(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

at::Tensor Float(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.to(at::kFloat).contiguous() : tensor;
}

// A matrix whose rows are the outputs, and one whose rows are the inputs.
template <typename T>
PackedMatrix<T> PackRowsOut(const at::Tensor& weight) {
  const at::Tensor rows = weight.reshape({-1, weight.size(-1)}).to(kDtype<T>).contiguous();
  return PackedMatrix<T>::Pack(Elements<T>(rows), rows.size(1), rows.size(0), 1, rows.size(1));
}
template <typename T>
PackedMatrix<T> PackRowsIn(const at::Tensor& weight) {
  const at::Tensor rows = weight.to(kDtype<T>).contiguous();
  return PackedMatrix<T>::Pack(Elements<T>(rows), rows.size(0), rows.size(1), rows.size(1), 1);
}

template <typename T>
PackedBlock<T> PackBlock(const VitConfig& config, const PermutedBlock& from) {
  PackedBlock<T> block;
  block.norm1 = from.norm1;
  block.norm2 = from.norm2;
  block.query_norm = from.query_norm;
  block.key_norm = from.key_norm;
  block.scale1 = from.scale1;
  block.scale2 = from.scale2;
  block.qkv = PackRowsOut<T>(from.qkv_weight);
  block.qkv_bias = Float(from.qkv_bias);
  block.proj = PackRowsIn<T>(from.proj_weight);
  block.proj_bias = Float(from.proj_bias);
  if (config.block.gated_mlp) {  // rows: gate, value, gate, value, …
    const at::Tensor rows = from.fc1_weight.contiguous();
    const int64_t width = rows.size(1);
    const T* gates = Elements<T>(rows);
    block.fc1 =
        PackedMatrix<T>::PackGated(gates, gates + width, width, rows.size(0) / 2, 1, 2 * width);
    const at::Tensor pairs = from.fc1_bias.view({-1, 2});
    block.gate_bias = Float(pairs.select(1, 0));
    block.fc1_bias = Float(pairs.select(1, 1));
  } else {
    block.fc1 = PackRowsOut<T>(from.fc1_weight);
    block.fc1_bias = Float(from.fc1_bias);
  }
  block.fc2 = PackRowsIn<T>(from.fc2_weight);
  block.fc2_bias = Float(from.fc2_bias);
  return block;
}

template <typename T>
CompactMatrix<T> PackTable(const at::Tensor& table, ScaleOf scale_of) {
  const at::Tensor rows = table.contiguous();
  return CompactMatrix<T>::Pack(Elements<BFloat16Bits>(rows), rows.size(0), rows.size(1),
                                rows.size(1), 1, scale_of);
}

template <typename T>
PackedCorrection<T> PackCorrection(const StructureCorrection& from) {
  PackedCorrection<T> correction;
  correction.bias = Float(from.bias);
  if (from.in.defined()) {
    correction.in = PackTable<T>(from.in, ScaleOf::kOutput);
    correction.out = PackTable<T>(from.out, ScaleOf::kInput);
  }
  return correction;
}

}  // namespace

template <typename T>
PackedWeights<T>::PackedWeights(PermutedWeights& weights, const CorrectionSet& corrections_of)
    : config(weights.config) {
  patch = PackRowsIn<T>(weights.patch_weight);
  weights.patch_weight.reset();
  start = at::zeros({config.tokens(), config.embed_dim});
  const int64_t prefix = config.prefix_tokens();
  start.narrow(0, prefix, config.patches()).add_(weights.patch_bias.to(at::kFloat));
  if (prefix > 0) start.narrow(0, 0, prefix).add_(weights.prefix[0]);
  if (weights.position_embedding.defined()) start.add_(weights.position_embedding[0]);
  norm_before = weights.norm_before;
  norm = weights.head.norm;
  rotary = weights.rotary;
  for (PermutedBlock& block : weights.blocks) {
    blocks.push_back(PackBlock<T>(config, block));
    block = PermutedBlock();
  }
  weights.blocks.clear();
  for (const auto& [key, from] : corrections_of.all()) {
    corrections.emplace(key, PackCorrection<T>(from));
  }
}

template <typename T>
size_t PackedWeights<T>::weight_bytes() const {
  size_t bytes = patch.bytes() + start.nbytes();
  for (const PackedBlock<T>& block : blocks) {
    for (const PackedMatrix<T>* matrix : {&block.qkv, &block.proj, &block.fc1, &block.fc2}) {
      bytes += matrix->bytes();
    }
    for (const at::Tensor* vector :
         {&block.norm1.weight, &block.norm1.bias, &block.norm2.weight, &block.norm2.bias,
          &block.qkv_bias, &block.proj_bias, &block.fc1_bias, &block.gate_bias, &block.fc2_bias,
          &block.scale1, &block.scale2}) {
      if (vector->defined()) bytes += vector->nbytes();
    }
  }
  return bytes;
}

template <typename T>
size_t PackedWeights<T>::correction_bytes() const {
  size_t bytes = 0;
  for (const auto& [key, correction] : corrections) {
    bytes += correction.bias.nbytes() + correction.in.bytes() + correction.out.bytes();
  }
  return bytes;
}

template struct PackedWeights<BFloat16Bits>;
template struct PackedWeights<float>;

}  // namespace snapvit
