#include "core/snapvit/pooled_forward.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/elastic/keep_counts.h"
#include "core/elastic/view_forward.h"
#include "core/model/layers.h"

namespace snapvit {
namespace {

// Published keep counts are any number, but a product with rows of a multiple of 16 floats is half
// again as fast: so the first layer computes up to 15 channels more than the view has, and the
// second reads its rows without them.
constexpr int kChannelMultiple = 16;

// The layer norm of x, in the dtype of the products.
at::Tensor Normed(const VitConfig& config, const PermutedBlock& block, const Norm& norm,
                  const at::Tensor& x) {
  return Apply(norm, x, config.block.norm_eps).to(block.fc1_weight.scalar_type());
}

// x [rows, D] f32, changed in place.
void AddMlp(const VitConfig& config, const PermutedBlock& block, const BlockView& view,
            at::Tensor& x) {
  if (view.channels == 0) {
    x.add_(block.scale2.defined() ? block.fc2_bias * block.scale2 : block.fc2_bias);
    return;
  }
  const int64_t rows = RowsOfChannel(config);
  const int64_t wide = RoundUpChannels(view.channels, kChannelMultiple, config.mlp_hidden) * rows;
  const at::Tensor y = Normed(config, block, block.norm2, x);
  const at::Tensor hidden = MlpHidden(config, at::linear(y, block.fc1_weight.narrow(0, 0, wide),
                                                         block.fc1_bias.narrow(0, 0, wide)));
  const at::Tensor units = hidden.narrow(1, 0, view.channels);
  if (block.scale2.defined()) {
    x.addcmul_(at::addmm(block.fc2_bias, units, view.fc2_weight), block.scale2);
  } else if (units.scalar_type() == at::kFloat) {
    x.addmm_(units, view.fc2_weight);
    x.add_(block.fc2_bias);
  } else {
    x.add_(at::addmm(block.fc2_bias, units, view.fc2_weight));
  }
}

// The class token after the attention of the last block, [B, D], of its input x [B·N, D].
at::Tensor AttendClassToken(const VitConfig& config, const PermutedBlock& block,
                            const BlockView& view, int64_t batch, const at::Tensor& x) {
  const int64_t width = config.embed_dim;
  const at::Tensor token = x.view({batch, config.tokens(), width}).select(1, 0);
  const auto added = [&](const at::Tensor& attended) {
    return token + (block.scale1.defined() ? attended * block.scale1 : attended);
  };
  if (view.heads == 0) return added(block.proj_bias);
  const at::Tensor y = Normed(config, block, block.norm1, x).view({batch, config.tokens(), width});
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
  const at::Tensor attention =
      at::bmm(wide_q, y.transpose(1, 2)).softmax(-1, at::kFloat).to(y.scalar_type());  // [B, H', N]
  const at::Tensor mean_y = at::bmm(attention, y).transpose(0, 1);                     // [H', B, D]
  const at::Tensor attended = with_bias(at::bmm(mean_y, weight.select(1, 2).transpose(1, 2)), 2)
                                  .transpose(0, 1)
                                  .reshape({batch, view.heads * config.head_dim});
  return added(at::addmm(block.proj_bias, attended, view.proj_weight));
}

// Whether the last block can be computed for the class token alone, and its keys in the width of
// the model: they must be linear in the tokens.
bool ClassTokenAlone(const VitConfig& config) {
  return config.pooling == ModelPooling::kClassToken && !config.block.qk_norm &&
         config.positions != Positions::kRotary;
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
  if (!ClassTokenAlone(config)) {
    RunHalf(weights, view, 2 * last, batch, x);
    AddMlp(config, weights.blocks[last], view[last], x);
    return PoolDefault(weights, FinishTokens(weights, x, batch));
  }
  at::Tensor token = AttendClassToken(config, weights.blocks[last], view[last], batch, x);
  AddMlp(config, weights.blocks[last], view[last], token);
  // The final norm acts on every token alone, so that it may as well come after pooling.
  return Apply(weights.head.norm, token, config.block.norm_eps);
}

}  // namespace snapvit
