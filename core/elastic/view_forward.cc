#include "core/elastic/view_forward.h"

#include <ATen/ATen.h>

#include "core/elastic/structure.h"
#include "core/model/layers.h"

namespace snapvit {
namespace {

// Patches as rows (the convolution with stride = kernel is one matrix product), plus class token
// and positions. Everything after this is where its input is: on the device of the weights.
at::Tensor Embed(const PermutedWeights& weights, const at::Tensor& host_pixels) {
  const at::Tensor pixels = host_pixels.to(weights.patch_weight.device());
  const VitConfig& config = weights.config;
  const int64_t batch = pixels.size(0);
  const int64_t patch = config.patch_size;
  const int64_t rows = config.grid_height();
  const int64_t columns = config.grid_width();
  const at::Tensor patches = pixels.view({batch, 3, rows, patch, columns, patch})
                                 .permute({0, 2, 4, 1, 3, 5})
                                 .reshape({batch * rows * columns, 3 * patch * patch});
  at::Tensor x = at::addmm(weights.patch_bias, patches.to(weights.patch_weight.scalar_type()),
                           weights.patch_weight)
                     .to(at::kFloat)
                     .view({batch, rows * columns, config.embed_dim});
  if (weights.prefix.defined()) {
    x = at::cat({weights.prefix.expand({batch, -1, -1}), x}, 1);
  }
  if (weights.position_embedding.defined()) x = x + weights.position_embedding;
  return config.norm_before ? Apply(weights.norm_before, x, config.block.norm_eps) : x;
}

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

// x [B·N, D] f32, changed in place.
void AddAttention(const PermutedWeights& weights, const PermutedBlock& block, const BlockView& view,
                  int64_t batch, at::Tensor& x) {
  const VitConfig& config = weights.config;
  if (view.heads == 0) {  // what is left of the projection is its bias
    AddScaled(view.proj_bias, block.scale1, x);
    return;
  }
  const int64_t tokens = config.tokens();
  const at::Tensor y =
      Apply(block.norm1, x, config.block.norm_eps).to(view.qkv_weight.scalar_type());
  const at::Tensor qkv = at::linear(y, view.qkv_weight, view.qkv_bias)
                             .view({batch, tokens, view.heads, 3, config.head_dim});
  const auto head_major = [&qkv](int64_t part) { return qkv.select(3, part).transpose(1, 2); };
  const at::Tensor attended = at::scaled_dot_product_attention(
                                  Positioned(weights, block.query_norm, head_major(0)),
                                  Positioned(weights, block.key_norm, head_major(1)), head_major(2))
                                  .transpose(1, 2)
                                  .reshape({batch * tokens, view.heads * config.head_dim});
  AddScaled(Output(attended, view.proj_weight, view.proj_bias, view.proj_in, view.proj_out),
            block.scale1, x);
}

void AddMlp(const VitConfig& config, const PermutedBlock& block, const BlockView& view,
            at::Tensor& x) {
  if (view.channels == 0) {
    AddScaled(view.fc2_bias, block.scale2, x);
    return;
  }
  const at::Tensor y =
      Apply(block.norm2, x, config.block.norm_eps).to(view.fc1_weight.scalar_type());
  const at::Tensor hidden = MlpHidden(config, at::linear(y, view.fc1_weight, view.fc1_bias));
  AddScaled(Output(hidden, view.fc2_weight, view.fc2_bias, view.fc2_in, view.fc2_out), block.scale2,
            x);
}

}  // namespace

at::Tensor EmbedPatches(const PermutedWeights& weights, const at::Tensor& pixels) {
  const VitConfig& config = weights.config;
  return Embed(weights, pixels).view({pixels.size(0) * config.tokens(), config.embed_dim});
}

void RunHalf(const PermutedWeights& weights, const View& view, size_t half, int64_t batch,
             at::Tensor& x) {
  const size_t block = BlockOfHalf(half);
  if (IsMlpHalf(half)) {
    AddMlp(weights.config, weights.blocks[block], view[block], x);
  } else {
    AddAttention(weights, weights.blocks[block], view[block], batch, x);
  }
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
