#include "core/model/vit_weights.h"

#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

// A copy even if it is f32 already: the result owns its memory.
void Convert(at::Tensor& tensor) {
  if (tensor.defined()) tensor = tensor.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
}

template <typename Layer>
void Append(Layer& layer, std::vector<at::Tensor*>& tensors) {
  tensors.insert(tensors.end(), {&layer.weight, &layer.bias});
}

}  // namespace

std::vector<at::Tensor*> TensorsOf(AttentionPoolWeights& pool) {
  std::vector<at::Tensor*> tensors = {&pool.latent};
  for (Linear* linear : {&pool.query, &pool.key, &pool.value, &pool.proj}) Append(*linear, tensors);
  Append(pool.norm, tensors);
  for (Linear* linear : {&pool.fc1, &pool.fc2}) Append(*linear, tensors);
  return tensors;
}

std::vector<at::Tensor*> TensorsOf(VitWeights& weights) {
  std::vector<at::Tensor*> tensors;
  Append(weights.patch, tensors);
  tensors.push_back(&weights.prefix);
  tensors.push_back(&weights.position_embedding);
  Append(weights.norm_before, tensors);
  for (BlockWeights& block : weights.blocks) {
    for (Norm* norm : {&block.norm1, &block.query_norm, &block.key_norm, &block.norm2}) {
      Append(*norm, tensors);
    }
    for (Linear* linear : {&block.query, &block.key, &block.value, &block.proj, &block.gate,
                           &block.fc1, &block.fc2}) {
      Append(*linear, tensors);
    }
    tensors.insert(tensors.end(), {&block.scale1, &block.scale2});
  }
  Append(weights.norm, tensors);
  for (at::Tensor* tensor : TensorsOf(weights.pool)) tensors.push_back(tensor);
  Append(weights.head, tensors);
  tensors.push_back(&weights.projection);
  return tensors;
}

absl::StatusOr<VitWeights> ToFloat32(const VitWeights& weights) {
  return Guard([&] {
    VitWeights result = weights;
    for (at::Tensor* tensor : TensorsOf(result)) Convert(*tensor);
    return result;
  });
}

absl::StatusOr<VitWeights> To(const VitWeights& weights, at::Device device) {
  return Guard([&] {
    VitWeights result = weights;
    for (at::Tensor* tensor : TensorsOf(result)) {
      if (tensor->defined()) *tensor = tensor->to(device);
    }
    return result;
  });
}

}  // namespace snapvit
