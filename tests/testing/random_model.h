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
  const auto linear = [&](int64_t out, int64_t in, bool bias = true) {
    Linear layer;
    layer.weight = noise({out, in}, 1 / std::sqrt(static_cast<double>(in)));
    if (bias) layer.bias = noise({out}, 0.2);
    return layer;
  };
  const auto norm = [&](int64_t size) {
    Norm result;
    result.weight = 1 + noise({size}, 0.2);
    result.bias = noise({size}, 0.2);
    return result;
  };
  const BlockFeatures& features = config.block;
  VitWeights& weights = folder.weights;
  weights.config = config;
  weights.patch.weight = noise({width, 3, config.patch_size, config.patch_size}, 0.05);
  if (!config.norm_before) weights.patch.bias = noise({width}, 0.1);
  if (config.prefix_tokens() > 0) weights.prefix = noise({1, config.prefix_tokens(), width}, 0.5);
  if (config.positions == Positions::kLearned) {
    weights.position_embedding = noise({1, config.tokens(), width}, 0.3);
  }
  if (config.norm_before) weights.norm_before = norm(width);
  for (int i = 0; i < config.depth; ++i) {
    BlockWeights block;
    block.norm1 = norm(width);
    block.query = linear(inner, width, features.query_bias);
    block.key = linear(inner, width, features.key_bias);
    block.value = linear(inner, width, features.value_bias);
    for (Linear* layer : {&block.query, &block.key, &block.value}) layer->weight.mul_(1.5);
    if (features.qk_norm) block.query_norm = norm(config.head_dim);
    if (features.qk_norm) block.key_norm = norm(config.head_dim);
    block.proj = linear(width, inner);
    block.norm2 = norm(width);
    if (features.gated_mlp) block.gate = linear(hidden, width);
    block.fc1 = linear(hidden, width);
    block.fc2 = linear(width, hidden);
    block.fc2.weight.mul_(std::sqrt(static_cast<double>(hidden)) * fan_in);
    if (features.layer_scale) {
      block.scale1 = 1 + noise({width}, 0.3);
      block.scale2 = 1 + noise({width}, 0.3);
    }
    weights.blocks.push_back(std::move(block));
  }
  weights.norm = norm(width);
  if (config.pooling == ModelPooling::kAttention) {
    weights.pool.latent = noise({1, 1, width}, 1);
    for (Linear* layer :
         {&weights.pool.query, &weights.pool.key, &weights.pool.value, &weights.pool.proj}) {
      *layer = linear(width, width);
    }
    weights.pool.norm = norm(width);
    weights.pool.fc1 = linear(config.pool_mlp_hidden, width);
    weights.pool.fc2 = linear(width, config.pool_mlp_hidden);
  }
  if (config.num_classes > 0) {
    weights.head = linear(config.num_classes, config.classifier_width());
  }
  if (config.projection_dim > 0) {
    weights.projection = noise({config.projection_dim, width}, fan_in);
  }
  return folder;
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_RANDOM_MODEL_H_
