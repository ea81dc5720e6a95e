#include "tests/unit/core/model/timm_indexes.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

void AddLinear(CheckpointIndex& index, const std::string& name, int64_t out, int64_t in,
               bool bias = true) {
  AddTensor(index, name + ".weight", {out, in});
  if (bias) AddTensor(index, name + ".bias", {out});
}

void AddNorm(CheckpointIndex& index, const std::string& name, int64_t width) {
  AddTensor(index, name + ".weight", {width});
  AddTensor(index, name + ".bias", {width});
}

}  // namespace

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

CheckpointIndex IndexOf(const VitConfig& config) { return IndexOf(config, config.tokens()); }

CheckpointIndex IndexOf(const VitConfig& config, int position_tokens) {
  CheckpointIndex index;
  index.path = "dir/model.safetensors";
  index.files = {index.path};
  const int64_t dim = config.embed_dim, patch = config.patch_size;
  AddTensor(index, "patch_embed.proj.weight", {dim, 3, patch, patch});
  AddTensor(index, "patch_embed.proj.bias", {dim});
  if (config.class_token) AddTensor(index, "cls_token", {1, 1, dim});
  AddTensor(index, "pos_embed", {1, position_tokens, dim});
  for (int i = 0; i < config.depth; ++i) {
    const std::string block = absl::StrCat("blocks.", i, ".");
    AddNorm(index, block + "norm1", dim);
    AddLinear(index, block + "attn.qkv", 3 * dim, dim, config.block.query_bias);
    AddLinear(index, block + "attn.proj", dim, dim);
    AddNorm(index, block + "norm2", dim);
    AddLinear(index, block + "mlp.fc1", config.mlp_hidden, dim);
    AddLinear(index, block + "mlp.fc2", dim, config.mlp_hidden);
  }
  AddNorm(index, config.norm_after_pooling ? "fc_norm" : "norm", dim);
  if (config.num_classes > 0) AddLinear(index, "head", config.num_classes, dim);
  return index;
}

void AddTensor(CheckpointIndex& index, const std::string& name, TensorShape shape) {
  index.tensors[name] = {.dtype = TensorDtype::kF32, .shape = std::move(shape)};
}

absl::StatusOr<TimmConfig> ReadTimm(const std::string& json, const CheckpointIndex& index) {
  return ReadTimmConfig(json, index, "dir/config.json");
}

absl::StatusOr<CheckpointConfig> Read(const std::string& json, const CheckpointIndex& index) {
  absl::StatusOr<TimmConfig> config = ReadTimm(json, index);
  if (!config.ok()) return config.status();
  return config->checkpoint;
}

}  // namespace snapvit
