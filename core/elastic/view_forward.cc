#include "core/elastic/view_forward.h"

#include <ATen/ATen.h>

#include "core/elastic/structure.h"
#include "core/elastic/view_halves.h"
#include "core/model/layers.h"

namespace snapvit {
namespace {

// units·weight + bias, and the correction by the pruned units' low-rank prediction.
at::Tensor Output(const at::Tensor& units, const at::Tensor& weight, const at::Tensor& bias,
                  const at::Tensor& in, const at::Tensor& out) {
  at::Tensor y = at::addmm(bias, units, weight);
  if (in.defined()) {
    const at::ScalarType dtype = units.scalar_type();
    y.addmm_(at::mm(units, in.to(dtype)), out.to(dtype));
  }
  return y;
}

// Adds what a half of a block computed to the residual stream x, in place.
void AddScaled(const at::Tensor& added, const at::Tensor& scale, at::Tensor& x) {
  if (scale.defined()) {
    x.addcmul_(added, scale);
  } else {
    x.add_(added);
  }
}

// Heads' queries or keys [B, H', N, dh], normed and turned where the model does so.
at::Tensor Positioned(const PermutedWeights& weights, const Norm& norm, const at::Tensor& heads) {
  if (!norm.weight.defined()) return Rotate(heads, weights.rotary);
  const at::Tensor normed = Apply(norm, heads.to(at::kFloat), weights.config.block.norm_eps);
  return Rotate(normed, weights.rotary).to(heads.scalar_type());
}

}  // namespace

at::Tensor AttentionOutput(const PermutedWeights& weights, const PermutedBlock& block,
                           const BlockView& view, int64_t batch, int64_t queries,
                           const at::Tensor& y) {
  if (view.heads == 0) return view.proj_bias;  // what is left of the projection
  const VitConfig& config = weights.config;
  const at::Tensor qkv = at::linear(y, view.qkv_weight, view.qkv_bias)
                             .view({batch, config.tokens(), view.heads, 3, config.head_dim});
  const auto head_major = [&qkv](int64_t part) { return qkv.select(3, part).transpose(1, 2); };
  const at::Tensor attended =
      at::scaled_dot_product_attention(
          Positioned(weights, block.query_norm, head_major(0)).narrow(2, 0, queries),
          Positioned(weights, block.key_norm, head_major(1)), head_major(2))
          .transpose(1, 2)
          .reshape({batch * queries, view.heads * config.head_dim});
  return Output(attended, view.proj_weight, view.proj_bias, view.proj_in, view.proj_out);
}

at::Tensor MlpOutput(const VitConfig& config, const BlockView& view, const at::Tensor& y) {
  if (view.channels == 0) return view.fc2_bias;
  const at::Tensor hidden = MlpHidden(config, at::linear(y, view.fc1_weight, view.fc1_bias));
  return Output(hidden, view.fc2_weight, view.fc2_bias, view.fc2_in, view.fc2_out);
}

at::Tensor EmbedPatchRows(const PermutedWeights& weights, const at::Tensor& patches,
                          int64_t batch) {
  const VitConfig& config = weights.config;
  at::Tensor x = at::addmm(weights.patch_bias, patches, weights.patch_weight)
                     .to(at::kFloat)
                     .view({batch, config.patches(), config.embed_dim});
  if (weights.prefix.defined()) {
    x = at::cat({weights.prefix.expand({batch, -1, -1}), x}, 1);
  }
  if (weights.position_embedding.defined()) x = x + weights.position_embedding;
  if (config.norm_before) x = Apply(weights.norm_before, x, config.block.norm_eps);
  return x.view({batch * config.tokens(), config.embed_dim});
}

at::Tensor PatchRows(const PermutedWeights& weights, const at::Tensor& pixels) {
  const VitConfig& config = weights.config;
  const int64_t batch = pixels.size(0), patch = config.patch_size;
  const int64_t rows = config.grid_height(), columns = config.grid_width();
  return pixels.view({batch, 3, rows, patch, columns, patch})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({batch * rows * columns, 3 * patch * patch})
      .to(weights.patch_weight.scalar_type());
}

at::Tensor EmbedPatches(const PermutedWeights& weights, const at::Tensor& pixels) {
  const at::Tensor rows = PatchRows(weights, pixels.to(weights.patch_weight.device()));
  return EmbedPatchRows(weights, rows, pixels.size(0));
}

void RunHalf(const PermutedWeights& weights, const View& view, size_t half, int64_t batch,
             at::Tensor& x) {
  const VitConfig& config = weights.config;
  const size_t index = BlockOfHalf(half);
  const PermutedBlock& block = weights.blocks[index];
  const bool mlp = IsMlpHalf(half);
  const at::Tensor y = Apply(mlp ? block.norm2 : block.norm1, x, config.block.norm_eps)
                           .to(block.fc1_weight.scalar_type());
  const at::Tensor added =
      mlp ? MlpOutput(config, view[index], y)
          : AttentionOutput(weights, block, view[index], batch, config.tokens(), y);
  AddScaled(added, mlp ? block.scale2 : block.scale1, x);
}

at::Tensor FinishTokens(const PermutedWeights& weights, const at::Tensor& x, int64_t batch) {
  const VitConfig& config = weights.config;
  const at::Tensor tokens =
      config.norm_after_pooling ? x : Apply(weights.head.norm, x, config.block.norm_eps);
  return tokens.view({batch, config.tokens(), config.embed_dim});
}

at::Tensor ViewTokens(const PermutedWeights& weights, const View& view, const at::Tensor& pixels) {
  const int64_t batch = pixels.size(0);
  at::Tensor x = EmbedPatches(weights, pixels);
  for (size_t half = 0; half < 2 * view.size(); ++half) RunHalf(weights, view, half, batch, x);
  return FinishTokens(weights, x, batch);
}

at::Tensor PoolDefault(const PermutedWeights& weights, const at::Tensor& tokens) {
  return Pool(weights.config, weights.head, tokens);
}

at::Tensor Logits(const PermutedWeights& weights, const at::Tensor& tokens,
                  const at::Tensor& pooled) {
  return Classify(weights.config, weights.head, tokens, pooled);
}

at::Tensor Projection(const PermutedWeights& weights, const at::Tensor& pooled) {
  return Project(weights.head, pooled);
}

at::Tensor MlpHidden(const VitConfig& config, at::Tensor first) {
  const BlockFeatures& features = config.block;
  if (features.gated_mlp) {
    const at::Tensor pairs = first.unflatten(-1, {-1, 2});
    return Activate(features.activation, pairs.select(-1, 0)) * pairs.select(-1, 1);
  }
  switch (features.activation) {
    case Activation::kGelu:
      return at::gelu_(first);
    case Activation::kGeluTanh:
      return at::gelu_(first, "tanh");
    default:
      return Activate(features.activation, first);
  }
}

}  // namespace snapvit
