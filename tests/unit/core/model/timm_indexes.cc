#include "tests/unit/core/model/timm_indexes.h"

#include <utility>

#include "core/model/timm_tensors.h"

namespace snapvit {

VitConfig SmallVit() {
  VitConfig config;
  config.architecture = "vit_tiny_patch16_224";
  config.image_height = config.image_width = 32;
  config.patch_size = 8;
  config.embed_dim = 24;
  config.depth = 2;
  config.num_heads = 3;
  config.head_dim = 8;
  config.mlp_hidden = 96;
  config.num_classes = 7;
  return config;
}

SafetensorsIndex IndexOf(const VitConfig& config) { return IndexOf(config, config.tokens()); }

SafetensorsIndex IndexOf(const VitConfig& config, int position_tokens) {
  SafetensorsIndex index;
  for (auto& [name, shape] : ExpectedTimmTensors(config, position_tokens)) {
    AddTensor(index, name, shape);
  }
  return index;
}

void AddTensor(SafetensorsIndex& index, const std::string& name, TensorShape shape) {
  index.tensors[name] = {.dtype = TensorDtype::kF32, .shape = std::move(shape)};
}

absl::StatusOr<TimmConfig> Read(const std::string& json, const SafetensorsIndex& index) {
  return ReadTimmConfig(json, index, {"dir/config.json", "dir/model.safetensors"});
}

}  // namespace snapvit
