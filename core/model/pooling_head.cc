#include "core/model/pooling_head.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/model/layers.h"

namespace snapvit {
namespace {

// Applies a layer in its own dtype, whatever that of x is; the result has x's.
at::Tensor ApplyAs(const Linear& linear, const at::Tensor& x) {
  return Apply(linear, x.to(linear.weight.scalar_type())).to(x.scalar_type());
}

// SigLIP: x = proj(attention(query(latent), key(tokens), value(tokens))); x + mlp(norm(x)).
at::Tensor AttentionPool(const VitConfig& config, const AttentionPoolWeights& pool,
                         const at::Tensor& tokens) {
  const int64_t batch = tokens.size(0);
  const int64_t heads = config.num_heads, dim = config.head_dim;
  const auto by_head = [&](const Linear& linear, const at::Tensor& x) {  // [·, H, n, dh]
    return ApplyAs(linear, x).view({x.size(0), x.size(1), heads, dim}).transpose(1, 2);
  };
  const at::Tensor query = by_head(pool.query, pool.latent.to(tokens.scalar_type())) *
                           (1 / std::sqrt(static_cast<double>(dim)));
  const at::Tensor scores = at::matmul(query, by_head(pool.key, tokens).transpose(-2, -1));
  const at::Tensor attended = at::matmul(scores.softmax(-1), by_head(pool.value, tokens));
  const at::Tensor x = ApplyAs(pool.proj, attended.transpose(1, 2).reshape({batch, heads * dim}));
  const at::Tensor hidden = Activate(config.block.activation,
                                     ApplyAs(pool.fc1, Apply(pool.norm, x, config.block.norm_eps)));
  return x + ApplyAs(pool.fc2, hidden);
}

at::Tensor Token(const at::Tensor& tokens, int64_t index) {
  return tokens.select(/*dim=*/1, index);
}

at::Tensor PoolTokens(const VitConfig& config, const HeadWeights& head, const at::Tensor& tokens) {
  switch (config.pooling) {
    case ModelPooling::kClassToken:
      return Token(tokens, 0);
    case ModelPooling::kMean:
      return MeanOfPatches(config, tokens);
    case ModelPooling::kClassAndDistillation:
      return (Token(tokens, 0) + Token(tokens, 1)) / 2;
    case ModelPooling::kAttention:
      return AttentionPool(config, head.pool, PatchTokens(config, tokens));
  }
  return {};
}

at::Tensor ClassifierFeatures(const VitConfig& config, const at::Tensor& tokens,
                              const at::Tensor& pooled) {
  switch (config.classifier_input) {
    case ClassifierInput::kPooled:
      return pooled;
    case ClassifierInput::kClassToken:
      return Token(tokens, 0);
    case ClassifierInput::kMean:
      return MeanOfPatches(config, tokens);
    case ClassifierInput::kClassAndDistillation:
      return at::cat({Token(tokens, 0), Token(tokens, 1)}, /*dim=*/1);
    case ClassifierInput::kClassAndMean:
      return at::cat({Token(tokens, 0), MeanOfPatches(config, tokens)}, /*dim=*/1);
  }
  return {};
}

}  // namespace

at::Tensor PatchTokens(const VitConfig& config, const at::Tensor& tokens) {
  return tokens.narrow(/*dim=*/1, config.prefix_tokens(), config.patches());
}

at::Tensor MeanOfPatches(const VitConfig& config, const at::Tensor& tokens) {
  return PatchTokens(config, tokens).mean(/*dim=*/1);
}

at::Tensor Pool(const VitConfig& config, const HeadWeights& head, const at::Tensor& tokens) {
  const at::Tensor pooled = PoolTokens(config, head, tokens);
  return config.norm_after_pooling ? Apply(head.norm, pooled, config.block.norm_eps) : pooled;
}

at::Tensor Classify(const VitConfig& config, const HeadWeights& head, const at::Tensor& tokens,
                    const at::Tensor& pooled) {
  return Apply(head.head, ClassifierFeatures(config, tokens, pooled));
}

at::Tensor Project(const HeadWeights& head, const at::Tensor& pooled) {
  return at::matmul(pooled, head.projection.t());
}

}  // namespace snapvit
