// A dense model with random parameters, noise on every one of them, in memory.
#ifndef SNAPVIT_TESTS_TESTING_RANDOM_MODEL_H_
#define SNAPVIT_TESTS_TESTING_RANDOM_MODEL_H_

#include <ATen/ATen.h>

#include "core/model/model_folder.h"

namespace snapvit {

inline ModelFolder RandomModel(const VitConfig& config, uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto noise = [&](at::IntArrayRef shape, double scale) {
    return scale * at::randn(shape, generator, at::TensorOptions(at::kFloat));
  };
  const int64_t width = config.embed_dim;
  const int64_t hidden = config.mlp_hidden;
  const int64_t inner = config.num_heads * config.head_dim;
  const double fan_in = 1 / std::sqrt(static_cast<double>(width));
  ModelFolder folder;
  folder.name = "random";
  folder.config = config;
  folder.preprocessing.height = config.image_height;
  folder.preprocessing.width = config.image_width;
  folder.preprocessing.mean = {0.5F, 0.45F, 0.4F};
  folder.preprocessing.std = {0.25F, 0.2F, 0.3F};
  VitWeights& weights = folder.weights;
  weights.config = config;
  weights.patch_weight = noise({width, 3, config.patch_size, config.patch_size}, 0.05);
  weights.patch_bias = noise({width}, 0.1);
  if (config.class_token) weights.class_token = noise({1, 1, width}, 0.5);
  weights.position_embedding = noise({1, config.tokens(), width}, 0.3);
  for (int i = 0; i < config.depth; ++i) {
    BlockWeights block;
    block.norm1_weight = 1 + noise({width}, 0.2);
    block.norm1_bias = noise({width}, 0.2);
    block.qkv_weight = noise({3 * inner, width}, 1.5 * fan_in);
    if (config.block.qkv_bias) block.qkv_bias = noise({3 * inner}, 0.3);
    block.proj_weight = noise({width, inner}, fan_in);
    block.proj_bias = noise({width}, 0.2);
    block.norm2_weight = 1 + noise({width}, 0.2);
    block.norm2_bias = noise({width}, 0.2);
    block.fc1_weight = noise({hidden, width}, fan_in);
    block.fc1_bias = noise({hidden}, 0.2);
    block.fc2_weight = noise({width, hidden}, fan_in);
    block.fc2_bias = noise({width}, 0.2);
    weights.blocks.push_back(std::move(block));
  }
  weights.norm_weight = 1 + noise({width}, 0.2);
  weights.norm_bias = noise({width}, 0.2);
  if (config.num_classes > 0) {
    weights.head_weight = noise({config.num_classes, width}, fan_in);
    weights.head_bias = noise({config.num_classes}, 0.2);
  }
  return folder;
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_RANDOM_MODEL_H_
