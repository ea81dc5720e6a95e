#include "core/model/reference_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

at::Tensor LayerNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                     double eps) {
  return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
}

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
      at::conv2d(pixels, weights.patch_weight, weights.patch_bias, /*stride=*/{patch, patch});
  return grid.flatten(2).transpose(1, 2);
}

// [B, N, D]: the class token, if any, then the patches, with their positions.
at::Tensor EmbedTokens(const VitWeights& weights, const at::Tensor& pixels) {
  at::Tensor tokens = EmbedPatches(weights, pixels);
  if (weights.config.class_token) {
    tokens = at::cat({weights.class_token.expand({tokens.size(0), -1, -1}), tokens}, /*dim=*/1);
  }
  return tokens + weights.position_embedding;
}

at::Tensor Attention(const VitConfig& config, const BlockWeights& block, const at::Tensor& x,
                     const BlockReplacement* replacement, ForwardTaps* taps) {
  const int64_t batch = x.size(0), tokens = x.size(1);
  const int64_t heads = config.num_heads, dim = config.head_dim;
  const at::Tensor qkv = at::linear(x, block.qkv_weight, block.qkv_bias)
                             .view({batch, tokens, 3, heads, dim})
                             .permute({2, 0, 3, 1, 4});  // [3, B, H, N, dh]
  const at::Tensor scores =
      at::matmul(qkv[0] * (1 / std::sqrt(static_cast<double>(dim))), qkv[1].transpose(-2, -1));
  at::Tensor heads_out = at::matmul(scores.softmax(-1), qkv[2]);  // [B, H, N, dh]
  if (replacement != nullptr && replacement->head_keep.defined()) {
    const at::Tensor& constant = replacement->head_constant;
    heads_out = Replace(heads_out, replacement->head_keep.view({heads, 1, 1}),
                        constant.defined() ? constant.view({heads, 1, dim}) : constant);
  }
  const at::Tensor units = heads_out.transpose(1, 2).reshape({batch, tokens, heads * dim});
  if (taps != nullptr) taps->units.push_back(units);
  return at::linear(units, block.proj_weight, block.proj_bias);
}

at::Tensor Mlp(const BlockWeights& block, const at::Tensor& x, const BlockReplacement* replacement,
               ForwardTaps* taps) {
  at::Tensor hidden = at::gelu(at::linear(x, block.fc1_weight, block.fc1_bias));
  if (replacement != nullptr) {
    hidden = Replace(hidden, replacement->channel_keep, replacement->channel_constant);
  }
  if (taps != nullptr) taps->units.push_back(hidden);
  return at::linear(hidden, block.fc2_weight, block.fc2_bias);
}

at::Tensor Block(const VitConfig& config, const BlockWeights& block, const at::Tensor& x,
                 const BlockReplacement* replacement, ForwardTaps* taps) {
  const double eps = config.block.norm_eps;
  const at::Tensor y =
      x + Attention(config, block, LayerNorm(x, block.norm1_weight, block.norm1_bias, eps),
                    replacement, taps);
  const at::Tensor z =
      y + Mlp(block, LayerNorm(y, block.norm2_weight, block.norm2_bias, eps), replacement, taps);
  if (taps != nullptr) taps->outputs.insert(taps->outputs.end(), {y, z});
  return z;
}

at::Tensor Pool(const VitConfig& config, const at::Tensor& tokens) {
  if (config.pooling == ModelPooling::kClassToken) return tokens.select(/*dim=*/1, 0);
  return tokens.slice(/*dim=*/1, config.prefix_tokens()).mean(/*dim=*/1);
}

ReferenceOutput Forward(const VitWeights& weights, const at::Tensor& pixels,
                        const UnitReplacement* replacement, ForwardTaps* taps) {
  const VitConfig& config = weights.config;
  at::Tensor x = EmbedTokens(weights, pixels);
  for (size_t i = 0; i < weights.blocks.size(); ++i) {
    x = Block(config, weights.blocks[i], x, replacement ? &replacement->blocks[i] : nullptr, taps);
  }
  const auto norm = [&](const at::Tensor& y) {
    return LayerNorm(y, weights.norm_weight, weights.norm_bias, config.block.norm_eps);
  };
  ReferenceOutput output;
  output.tokens = config.norm_after_pooling ? x : norm(x);
  output.pooled = Pool(config, output.tokens);
  if (config.norm_after_pooling) output.pooled = norm(output.pooled);
  if (config.num_classes > 0) {
    output.logits = at::linear(output.pooled, weights.head_weight, weights.head_bias);
  }
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
  const size_t per_token =
      16 * static_cast<size_t>(config.embed_dim) + 4 * config.mlp_hidden + attention;
  return config.depth * tokens * per_token * sizeof(float);
}

absl::StatusOr<ReferenceOutput> ReferenceForward(const VitWeights& weights,
                                                 const at::Tensor& pixels,
                                                 const UnitReplacement* replacement,
                                                 ForwardTaps* taps) {
  return Guard([&]() -> absl::StatusOr<ReferenceOutput> {
    const VitConfig& config = weights.config;
    const at::ScalarType dtype = weights.patch_weight.scalar_type();
    const int64_t batch = pixels.defined() && pixels.dim() > 0 ? pixels.size(0) : 1;
    RETURN_IF_ERROR(
        CheckTensor("pixels", pixels, {batch, 3, config.image_height, config.image_width}, dtype));
    if (replacement != nullptr) RETURN_IF_ERROR(CheckReplacement(config, *replacement, dtype));
    return Forward(weights, pixels, replacement, taps);
  });
}

}  // namespace snapvit
