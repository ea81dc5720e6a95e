#include "core/model/reference_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/matmul.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/layers.h"
#include "core/model/pooling_head.h"
#include "core/model/rotary.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

// keep·x + (1 − keep)·constant, with `keep` and `constant` broadcast over x.
at::Tensor Replace(const at::Tensor& x, const at::Tensor& keep, const at::Tensor& constant) {
  if (!keep.defined()) return x;
  const at::Tensor kept = x * keep;
  return constant.defined() ? kept + (1 - keep) * constant : kept;
}

// [B, 3, H, W] to [B, patches, D], patches row by row. Pixels beyond the last whole patch are not
// seen.
at::Tensor EmbedPatches(const VitWeights& weights, const at::Tensor& pixels) {
  const int64_t patch = weights.config.patch_size;
  const at::Tensor grid =
      at::conv2d(pixels, weights.patch.weight, weights.patch.bias, /*stride=*/{patch, patch});
  return grid.flatten(2).transpose(1, 2);
}

// [B, N, D]: the prefix tokens, then the patches, with their positions.
at::Tensor EmbedTokens(const VitWeights& weights, const at::Tensor& pixels) {
  at::Tensor tokens = EmbedPatches(weights, pixels);
  if (weights.prefix.defined()) {
    tokens = at::cat({weights.prefix.expand({tokens.size(0), -1, -1}), tokens}, /*dim=*/1);
  }
  if (weights.position_embedding.defined()) tokens = tokens + weights.position_embedding;
  if (!weights.config.norm_before) return tokens;
  return Apply(weights.norm_before, tokens, weights.config.block.norm_eps);
}

// What the layers of a block need to know besides its weights.
struct BlockContext {
  const VitConfig& config;
  const RotaryTable& rotary;
  const BlockReplacement* replacement;
  ForwardTaps* taps;
};

at::Tensor Attention(const BlockContext& context, const BlockWeights& block, const at::Tensor& x) {
  const int64_t batch = x.size(0), tokens = x.size(1);
  const int64_t heads = context.config.num_heads, dim = context.config.head_dim;
  const double eps = context.config.block.norm_eps;
  const auto by_head = [&](const Linear& linear) {  // [B, H, N, dh]
    return Apply(linear, x).view({batch, tokens, heads, dim}).transpose(1, 2);
  };
  at::Tensor query = by_head(block.query), key = by_head(block.key);
  if (context.config.block.qk_norm) {
    query = Apply(block.query_norm, query, eps);
    key = Apply(block.key_norm, key, eps);
  }
  query = Rotate(query, context.rotary) * (1 / std::sqrt(static_cast<double>(dim)));
  key = Rotate(key, context.rotary);
  const at::Tensor scores = at::matmul(query, key.transpose(-2, -1));
  at::Tensor heads_out = at::matmul(scores.softmax(-1), by_head(block.value));
  if (context.replacement != nullptr && context.replacement->head_keep.defined()) {
    const at::Tensor& constant = context.replacement->head_constant;
    heads_out = Replace(heads_out, context.replacement->head_keep.view({heads, 1, 1}),
                        constant.defined() ? constant.view({heads, 1, dim}) : constant);
  }
  const at::Tensor units = heads_out.transpose(1, 2).reshape({batch, tokens, heads * dim});
  if (context.taps != nullptr) context.taps->units.push_back(units);
  return Apply(block.proj, units);
}

at::Tensor Mlp(const BlockContext& context, const BlockWeights& block, const at::Tensor& x) {
  const BlockFeatures& features = context.config.block;
  at::Tensor hidden = Apply(block.fc1, x);
  hidden = features.gated_mlp ? Activate(features.activation, Apply(block.gate, x)) * hidden
                              : Activate(features.activation, hidden);
  if (context.replacement != nullptr) {
    hidden =
        Replace(hidden, context.replacement->channel_keep, context.replacement->channel_constant);
  }
  if (context.taps != nullptr) context.taps->units.push_back(hidden);
  return Apply(block.fc2, hidden);
}

// The residual stream x with what a half of a block adds, behind LayerScale if there is one.
at::Tensor Add(const at::Tensor& x, const at::Tensor& added, const at::Tensor& scale) {
  return scale.defined() ? x + added * scale : x + added;
}

at::Tensor Block(const BlockContext& context, const BlockWeights& block, const at::Tensor& x) {
  const double eps = context.config.block.norm_eps;
  const at::Tensor y = Add(x, Attention(context, block, Apply(block.norm1, x, eps)), block.scale1);
  const at::Tensor z = Add(y, Mlp(context, block, Apply(block.norm2, y, eps)), block.scale2);
  if (context.taps != nullptr) {
    context.taps->outputs.insert(context.taps->outputs.end(), {y, z});
  }
  return z;
}

ReferenceOutput Forward(const VitWeights& weights, const at::Tensor& pixels,
                        const UnitReplacement* replacement, ForwardTaps* taps) {
  const VitConfig& config = weights.config;
  const RotaryTable rotary = To(MakeRotaryTable(config), pixels.device());
  at::Tensor x = EmbedTokens(weights, pixels);
  for (size_t i = 0; i < weights.blocks.size(); ++i) {
    const BlockContext context = {config, rotary, replacement ? &replacement->blocks[i] : nullptr,
                                  taps};
    x = Block(context, weights.blocks[i], x);
  }
  ReferenceOutput output;
  output.tokens = config.norm_after_pooling ? x : Apply(weights.norm, x, config.block.norm_eps);
  const HeadWeights head = {weights.norm, weights.pool, weights.head, weights.projection};
  output.pooled = Pool(config, head, output.tokens);
  if (config.num_classes > 0) output.logits = Classify(config, head, output.tokens, output.pooled);
  if (config.projection_dim > 0) output.projected = Project(head, output.pooled);
  return output;
}

absl::Status CheckTensor(const std::string& name, const at::Tensor& tensor, at::IntArrayRef shape,
                         at::ScalarType dtype) {
  if (tensor.defined() && tensor.sizes() == shape && tensor.scalar_type() == dtype) {
    return absl::OkStatus();
  }
  const std::string got = tensor.defined()
                              ? absl::StrCat("[", absl::StrJoin(tensor.sizes(), ", "), "] of ",
                                             c10::toString(tensor.scalar_type()))
                              : "undefined";
  return absl::InvalidArgumentError(absl::StrCat("reference forward: ", name, " is ", got,
                                                 ", expected [", absl::StrJoin(shape, ", "),
                                                 "] of ", c10::toString(dtype)));
}

absl::Status CheckReplacement(const VitConfig& config, const UnitReplacement& replacement,
                              at::ScalarType dtype) {
  if (static_cast<int>(replacement.blocks.size()) != config.depth) {
    return absl::InvalidArgumentError(absl::StrCat("reference forward: replacements for ",
                                                   replacement.blocks.size(), " blocks, expected ",
                                                   config.depth));
  }
  const int64_t hidden = config.mlp_hidden, heads = config.num_heads, dim = config.head_dim;
  for (size_t i = 0; i < replacement.blocks.size(); ++i) {
    const BlockReplacement& block = replacement.blocks[i];
    const auto check = [&](const char* name, const at::Tensor& tensor, at::IntArrayRef shape) {
      if (!tensor.defined()) return absl::OkStatus();
      return CheckTensor(absl::StrCat(name, " of block ", i), tensor, shape, dtype);
    };
    RETURN_IF_ERROR(check("channel_keep", block.channel_keep, {hidden}));
    RETURN_IF_ERROR(check("head_keep", block.head_keep, {heads}));
    RETURN_IF_ERROR(check("channel_constant", block.channel_constant, {hidden}));
    RETURN_IF_ERROR(check("head_constant", block.head_constant, {heads, dim}));
  }
  return absl::OkStatus();
}

}  // namespace

size_t ActivationBytes(const VitConfig& config) {
  const size_t tokens = config.tokens();
  const size_t attention = 3 * static_cast<size_t>(config.num_heads) * tokens;
  const size_t hidden = (config.block.gated_mlp ? 6 : 4) * static_cast<size_t>(config.mlp_hidden);
  const size_t per_token = 16 * static_cast<size_t>(config.embed_dim) + hidden + attention;
  return config.depth * tokens * per_token * sizeof(float);
}

absl::StatusOr<ReferenceOutput> ReferenceForward(const VitWeights& weights,
                                                 const at::Tensor& pixels,
                                                 const UnitReplacement* replacement,
                                                 ForwardTaps* taps) {
  return Guard([&]() -> absl::StatusOr<ReferenceOutput> {
    const VitConfig& config = weights.config;
    const at::ScalarType dtype = weights.patch.weight.scalar_type();
    const int64_t batch = pixels.defined() && pixels.dim() > 0 ? pixels.size(0) : 1;
    RETURN_IF_ERROR(
        CheckTensor("pixels", pixels, {batch, 3, config.image_height, config.image_width}, dtype));
    if (replacement != nullptr) RETURN_IF_ERROR(CheckReplacement(config, *replacement, dtype));
    return Forward(weights, pixels, replacement, taps);
  });
}

}  // namespace snapvit
