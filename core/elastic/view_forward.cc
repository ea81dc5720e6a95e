#include "core/elastic/view_forward.h"

#include <ATen/ATen.h>

#include "core/elastic/structure.h"

namespace snapvit {
namespace {

at::Tensor LayerNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     double eps) {
  return at::layer_norm(x, {x.size(-1)}, weight, bias, eps, /*cudnn_enable=*/false);
}

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
  if (weights.class_token.defined()) {
    x = at::cat({weights.class_token.expand({batch, -1, -1}), x}, 1);
  }
  return x + weights.position_embedding;
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

// x [B·N, D] f32, changed in place.
void AddAttention(const VitConfig& config, const PermutedBlock& block, const BlockView& view,
                  int64_t batch, at::Tensor& x) {
  if (view.heads == 0) {  // what is left of the projection is its bias
    x.add_(view.proj_bias);
    return;
  }
  const int64_t tokens = config.tokens();
  const at::Tensor y = LayerNorm(x, block.norm1_weight, block.norm1_bias, config.block.norm_eps)
                           .to(view.qkv_weight.scalar_type());
  const at::Tensor qkv = at::linear(y, view.qkv_weight, view.qkv_bias)
                             .view({batch, tokens, view.heads, 3, config.head_dim});
  const auto head_major = [&qkv](int64_t part) { return qkv.select(3, part).transpose(1, 2); };
  const at::Tensor attended =
      at::scaled_dot_product_attention(head_major(0), head_major(1), head_major(2))
          .transpose(1, 2)
          .reshape({batch * tokens, view.heads * config.head_dim});
  x.add_(Output(attended, view.proj_weight, view.proj_bias, view.proj_in, view.proj_out));
}

void AddMlp(const VitConfig& config, const PermutedBlock& block, const BlockView& view,
            at::Tensor& x) {
  if (view.channels == 0) {
    x.add_(view.fc2_bias);
    return;
  }
  const at::Tensor y = LayerNorm(x, block.norm2_weight, block.norm2_bias, config.block.norm_eps)
                           .to(view.fc1_weight.scalar_type());
  at::Tensor hidden = at::linear(y, view.fc1_weight, view.fc1_bias);
  at::gelu_(hidden);
  x.add_(Output(hidden, view.fc2_weight, view.fc2_bias, view.fc2_in, view.fc2_out));
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
    AddAttention(weights.config, weights.blocks[block], view[block], batch, x);
  }
}

at::Tensor FinishTokens(const PermutedWeights& weights, const at::Tensor& x, int64_t batch) {
  const VitConfig& config = weights.config;
  const at::Tensor tokens =
      config.norm_after_pooling
          ? x
          : LayerNorm(x, weights.norm_weight, weights.norm_bias, config.block.norm_eps);
  return tokens.view({batch, config.tokens(), config.embed_dim});
}

at::Tensor ViewTokens(const PermutedWeights& weights, const View& view, const at::Tensor& pixels) {
  const int64_t batch = pixels.size(0);
  at::Tensor x = EmbedPatches(weights, pixels);
  for (size_t half = 0; half < 2 * view.size(); ++half) RunHalf(weights, view, half, batch, x);
  return FinishTokens(weights, x, batch);
}

at::Tensor PoolDefault(const PermutedWeights& weights, const at::Tensor& tokens) {
  const VitConfig& config = weights.config;
  if (config.pooling == ModelPooling::kClassToken) {
    const at::Tensor token = tokens.select(1, 0);
    return config.norm_after_pooling
               ? LayerNorm(token, weights.norm_weight, weights.norm_bias, config.block.norm_eps)
               : token;
  }
  const at::Tensor mean = tokens.narrow(1, config.prefix_tokens(), config.patches()).mean(1);
  return config.norm_after_pooling
             ? LayerNorm(mean, weights.norm_weight, weights.norm_bias, config.block.norm_eps)
             : mean;
}

at::Tensor Logits(const PermutedWeights& weights, const at::Tensor& embedding) {
  return at::linear(embedding, weights.head_weight, weights.head_bias);
}

}  // namespace snapvit
