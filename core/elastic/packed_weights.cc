#include "core/elastic/packed_weights.h"

#include <ATen/ATen.h>

#include <utility>

namespace snapvit {
namespace {

constexpr at::ScalarType Dtype(BFloat16Bits) { return at::kBFloat16; }
constexpr at::ScalarType Dtype(float) { return at::kFloat; }
constexpr at::ScalarType Dtype(int8_t) { return at::kChar; }

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
  const at::Tensor rows = weight.reshape({-1, weight.size(-1)}).to(Dtype(T())).contiguous();
  return PackedMatrix<T>::Pack(Elements<T>(rows), rows.size(1), rows.size(0), 1, rows.size(1));
}
template <typename T>
PackedMatrix<T> PackRowsIn(const at::Tensor& weight) {
  const at::Tensor rows = weight.to(Dtype(T())).contiguous();
  return PackedMatrix<T>::Pack(Elements<T>(rows), rows.size(0), rows.size(1), rows.size(1), 1);
}

// Rows of gates and of values, in turn.
template <typename T>
PackedMatrix<T> PackGates(const at::Tensor& weight) {
  const at::Tensor rows = weight.contiguous();
  const int64_t width = rows.size(1);
  const T* gates = Elements<T>(rows);
  return PackedMatrix<T>::PackGated(gates, gates + width, width, rows.size(0) / 2, 1, 2 * width);
}

// A matrix as int8, and what they are multiplied with.
struct Int8Tensor {
  at::Tensor bytes;
  std::vector<float> scales;  // of each output
};

// `inputs`: the dimension of the inputs.
Int8Tensor Quantize(const at::Tensor& weight, int64_t inputs) {
  constexpr double kLargest = 127;
  const at::Tensor values = weight.to(at::kFloat);
  const at::Tensor scales = values.abs().amax(inputs, /*keepdim=*/true) / kLargest;
  const at::Tensor bytes = (values / scales.masked_fill(scales == 0, 1)).round();
  const at::Tensor contiguous = scales.contiguous();
  const auto* data = contiguous.const_data_ptr<float>();
  return {bytes.clamp(-kLargest, kLargest).to(at::kChar), {data, data + contiguous.numel()}};
}

// Every second value, from `first` on.
std::vector<float> EverySecond(const std::vector<float>& values, size_t first) {
  std::vector<float> result;
  for (size_t i = first; i < values.size(); i += 2) result.push_back(values[i]);
  return result;
}

template <typename W>
LayerMatrix<W> LayerRowsOut(const at::Tensor& weight) {
  if constexpr (kIsInt8<W>) {
    Int8Tensor int8 = Quantize(weight.reshape({-1, weight.size(-1)}), /*inputs=*/1);
    return {PackRowsOut<int8_t>(int8.bytes), std::move(int8.scales), {}};
  } else {
    return {PackRowsOut<W>(weight), {}, {}};
  }
}
template <typename W>
LayerMatrix<W> LayerRowsIn(const at::Tensor& weight) {
  if constexpr (kIsInt8<W>) {
    Int8Tensor int8 = Quantize(weight, /*inputs=*/0);
    return {PackRowsIn<int8_t>(int8.bytes), std::move(int8.scales), {}};
  } else {
    return {PackRowsIn<W>(weight), {}, {}};
  }
}
template <typename W>
LayerMatrix<W> LayerGates(const at::Tensor& weight) {
  if constexpr (kIsInt8<W>) {
    const Int8Tensor int8 = Quantize(weight, /*inputs=*/1);
    return {PackGates<int8_t>(int8.bytes), EverySecond(int8.scales, 1),
            EverySecond(int8.scales, 0)};
  } else {
    return {PackGates<W>(weight), {}, {}};
  }
}

template <typename W>
PackedBlock<W> PackBlock(const VitConfig& config, const PermutedBlock& from) {
  PackedBlock<W> block;
  block.norm1 = from.norm1;
  block.norm2 = from.norm2;
  block.query_norm = from.query_norm;
  block.key_norm = from.key_norm;
  block.scale1 = from.scale1;
  block.scale2 = from.scale2;
  block.qkv = LayerRowsOut<W>(from.qkv_weight);
  block.qkv_bias = Float(from.qkv_bias);
  block.proj = LayerRowsIn<W>(from.proj_weight);
  block.proj_bias = Float(from.proj_bias);
  if (config.block.gated_mlp) {
    block.fc1 = LayerGates<W>(from.fc1_weight);
    const at::Tensor pairs = from.fc1_bias.view({-1, 2});
    block.gate_bias = Float(pairs.select(1, 0));
    block.fc1_bias = Float(pairs.select(1, 1));
  } else {
    block.fc1 = LayerRowsOut<W>(from.fc1_weight);
    block.fc1_bias = Float(from.fc1_bias);
  }
  block.fc2 = LayerRowsIn<W>(from.fc2_weight);
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

template <typename W>
PackedWeights<W>::PackedWeights(PermutedWeights& weights, const CorrectionSet& corrections_of)
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
    blocks.push_back(PackBlock<W>(config, block));
    block = PermutedBlock();
  }
  weights.blocks.clear();
  for (const auto& [key, from] : corrections_of.all()) {
    corrections.emplace(key, PackCorrection<T>(from));
  }
}

template <typename W>
size_t PackedWeights<W>::weight_bytes() const {
  size_t bytes = patch.bytes() + start.nbytes();
  for (const PackedBlock<W>& block : blocks) {
    for (const LayerMatrix<W>* matrix : {&block.qkv, &block.proj, &block.fc1, &block.fc2}) {
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

template <typename W>
size_t PackedWeights<W>::correction_bytes() const {
  size_t bytes = 0;
  for (const auto& [key, correction] : corrections) {
    bytes += correction.bias.nbytes() + correction.in.bytes() + correction.out.bytes();
  }
  return bytes;
}

template struct PackedWeights<BFloat16Bits>;
template struct PackedWeights<float>;
template struct PackedWeights<Int8<BFloat16Bits>>;
template struct PackedWeights<Int8<float>>;

}  // namespace snapvit
