#include "core/model/vit_weights.h"

#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

// A copy even if it is f32 already: the result owns its memory.
void Convert(at::Tensor& tensor) {
  if (tensor.defined()) tensor = tensor.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

std::vector<at::Tensor*> TensorsOf(BlockWeights& block) {
  return {&block.norm1_weight, &block.norm1_bias, &block.qkv_weight,   &block.qkv_bias,
          &block.proj_weight,  &block.proj_bias,  &block.norm2_weight, &block.norm2_bias,
          &block.fc1_weight,   &block.fc1_bias,   &block.fc2_weight,   &block.fc2_bias};
}

std::vector<at::Tensor*> TensorsOf(VitWeights& weights) {
  std::vector<at::Tensor*> tensors = {&weights.patch_weight, &weights.patch_bias,
                                      &weights.class_token, &weights.position_embedding};
  for (BlockWeights& block : weights.blocks) {
    for (at::Tensor* tensor : TensorsOf(block)) tensors.push_back(tensor);
  }
  for (at::Tensor* tensor :
       {&weights.norm_weight, &weights.norm_bias, &weights.head_weight, &weights.head_bias}) {
    tensors.push_back(tensor);
  }
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
