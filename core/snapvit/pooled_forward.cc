#include "core/snapvit/pooled_forward.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/elastic/keep_counts.h"
#include "core/elastic/view_forward.h"

namespace snapvit {
namespace {

at::Tensor LayerNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     double eps) {
  return at::layer_norm(x, {x.size(-1)}, weight, bias, eps, /*cudnn_enable=*/false);
}

// Published keep counts are any number, but a product with rows of a multiple of 16 floats is half
// again as fast: so the first layer computes up to 15 channels more than the view has, and the
// second reads its rows without them.
constexpr int kChannelMultiple = 16;

// x [rows, D] f32, changed in place.
void AddMlp(const VitConfig& config, const PermutedBlock& block, const BlockView& view,
            at::Tensor& x) {
  if (view.channels > 0) {
    const int wide = RoundUpChannels(view.channels, kChannelMultiple, config.mlp_hidden);
    const at::Tensor y = LayerNorm(x, block.norm2_weight, block.norm2_bias, config.block.norm_eps);
    at::Tensor hidden =
        at::linear(y, block.fc1_weight.narrow(0, 0, wide), block.fc1_bias.narrow(0, 0, wide));
    at::gelu_(hidden);
    x.addmm_(hidden.narrow(1, 0, view.channels), view.fc2_weight);
  }
  x.add_(block.fc2_bias);
}

// The class token after the attention of the last block, [B, D], of its input x [B·N, D].
at::Tensor AttendClassToken(const VitConfig& config, const PermutedBlock& block,
                            const BlockView& view, int64_t batch, const at::Tensor& x) {
  const int64_t width = config.embed_dim;
  const at::Tensor token = x.view({batch, config.tokens(), width}).select(1, 0);
  if (view.heads == 0) return token + block.proj_bias;
  const at::Tensor y = LayerNorm(x, block.norm1_weight, block.norm1_bias, config.block.norm_eps)
                           .view({batch, config.tokens(), width});
  const at::Tensor weight = view.qkv_weight.view({view.heads, 3, config.head_dim, width});
  const auto with_bias = [&](const at::Tensor& head_major, int64_t part) {
    if (!view.qkv_bias.defined()) return head_major;
    const at::Tensor bias = view.qkv_bias.view({view.heads, 3, config.head_dim});
    return head_major + bias.select(1, part).unsqueeze(1);
  };
  // [H', B, dh], then in the width of the model, [B, H', D].
  const at::Tensor y_token = y.select(1, 0).unsqueeze(0).expand({view.heads, batch, width});
  const at::Tensor q = with_bias(at::bmm(y_token, weight.select(1, 0).transpose(1, 2)), 0) /
                       std::sqrt(config.head_dim);
  const at::Tensor wide_q = at::bmm(q, weight.select(1, 1)).transpose(0, 1);
  const at::Tensor attention = at::bmm(wide_q, y.transpose(1, 2)).softmax(-1);  // [B, H', N]
  const at::Tensor mean_y = at::bmm(attention, y).transpose(0, 1);              // [H', B, D]
  const at::Tensor attended = with_bias(at::bmm(mean_y, weight.select(1, 2).transpose(1, 2)), 2)
                                  .transpose(0, 1)
                                  .reshape({batch, view.heads * config.head_dim});
  return token + at::addmm(block.proj_bias, attended, view.proj_weight);
}

}  // namespace

at::Tensor PooledForward(const PermutedWeights& weights, const View& view, int64_t batch,
                         at::Tensor& x) {
  const VitConfig& config = weights.config;
  const size_t last = view.size() - 1;
  for (size_t block = 0; block < last; ++block) {
    RunHalf(weights, view, 2 * block, batch, x);
    AddMlp(config, weights.blocks[block], view[block], x);
  }
  if (config.pooling != ModelPooling::kClassToken) {
    RunHalf(weights, view, 2 * last, batch, x);
    AddMlp(config, weights.blocks[last], view[last], x);
    return PoolDefault(weights, FinishTokens(weights, x, batch));
  }
  at::Tensor token = AttendClassToken(config, weights.blocks[last], view[last], batch, x);
  AddMlp(config, weights.blocks[last], view[last], token);
  // The final norm acts on every token alone, so that it may as well come after pooling.
  return LayerNorm(token, weights.norm_weight, weights.norm_bias, config.block.norm_eps);
}

}  // namespace snapvit
