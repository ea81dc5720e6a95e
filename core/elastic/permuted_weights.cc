#include "core/elastic/permuted_weights.h"

#include <ATen/ATen.h>

#include "core/elastic/correction_set.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

at::Tensor Index(const std::vector<int>& units) {
  at::Tensor index = at::empty({static_cast<int64_t>(units.size())}, at::kLong);
  std::copy(units.begin(), units.end(), index.data_ptr<int64_t>());
  return index;
}

// A contiguous copy in `dtype` that owns its storage, whatever `tensor` is a view of.
at::Tensor Own(const at::Tensor& tensor, at::ScalarType dtype) {
  if (!tensor.defined()) return {};
  return tensor.to(dtype, /*non_blocking=*/false, /*copy=*/true, at::MemoryFormat::Contiguous);
}

at::Tensor Select(const at::Tensor& tensor, int64_t dim, const std::optional<at::Tensor>& index) {
  return tensor.defined() && index.has_value() ? tensor.index_select(dim, *index) : tensor;
}

// A bias, or zeros for a layer without one.
at::Tensor OwnBias(const at::Tensor& bias, int64_t size, const at::Tensor& weight) {
  return bias.defined() ? Own(bias, weight.scalar_type()) : at::zeros({size}, weight.options());
}

Norm OwnNorm(const Norm& norm) {
  return {Own(norm.weight, at::kFloat), Own(norm.bias, at::kFloat)};
}

Linear OwnLinear(const Linear& linear, at::ScalarType dtype) {
  return {Own(linear.weight, dtype), Own(linear.bias, dtype)};
}

// q, k and v rows of a head lie together: [H·dh, ...] each -> [H, 3, dh, ...]. Undefined if all
// are; where one is, zeros.
at::Tensor HeadMajor(const VitConfig& config, const std::vector<at::Tensor>& query_key_value) {
  at::Tensor some;
  for (const at::Tensor& part : query_key_value) {
    if (part.defined()) some = part;
  }
  if (!some.defined()) return {};
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : query_key_value) {
    const at::Tensor rows = part.defined() ? part : at::zeros_like(some);
    parts.push_back(rows.unflatten(0, {config.num_heads, config.head_dim}));
  }
  return at::stack(parts, /*dim=*/1);
}

// Gate and value rows of a channel lie together: [h, ...] each -> [h, 2, ...]; [h, 1, ...] without
// gates.
at::Tensor ChannelMajor(const at::Tensor& gate, const at::Tensor& value) {
  return gate.defined() ? at::stack({gate, value}, /*dim=*/1) : value.unsqueeze(1);
}

PermutedBlock PermuteBlock(const VitConfig& config, const BlockWeights& block,
                           const std::optional<at::Tensor>& heads,
                           const std::optional<at::Tensor>& channels, at::ScalarType dtype) {
  PermutedBlock out;
  out.norm1 = OwnNorm(block.norm1);
  out.norm2 = OwnNorm(block.norm2);
  out.query_norm = OwnNorm(block.query_norm);
  out.key_norm = OwnNorm(block.key_norm);
  out.scale1 = Own(block.scale1, at::kFloat);
  out.scale2 = Own(block.scale2, at::kFloat);

  out.qkv_weight =
      Own(Select(HeadMajor(config, {block.query.weight, block.key.weight, block.value.weight}), 0,
                 heads),
          dtype);
  out.qkv_bias =
      Own(Select(HeadMajor(config, {block.query.bias, block.key.bias, block.value.bias}), 0, heads),
          dtype);
  const at::Tensor proj_heads =
      block.proj.weight.t().unflatten(0, {config.num_heads, config.head_dim});
  out.proj_weight = Own(Select(proj_heads, 0, heads), dtype).flatten(0, 1);
  out.proj_bias = OwnBias(block.proj.bias, config.embed_dim, out.proj_weight);

  out.fc1_weight =
      Own(Select(ChannelMajor(block.gate.weight, block.fc1.weight), 0, channels), dtype)
          .flatten(0, 1);
  at::Tensor fc1_bias;
  if (block.fc1.bias.defined()) {
    fc1_bias = Select(ChannelMajor(block.gate.bias, block.fc1.bias), 0, channels).flatten(0, 1);
  }
  out.fc1_bias = OwnBias(fc1_bias, out.fc1_weight.size(0), out.fc1_weight);
  out.fc2_weight = Own(Select(block.fc2.weight.t(), 0, channels), dtype);
  out.fc2_bias = OwnBias(block.fc2.bias, config.embed_dim, out.fc2_weight);
  return out;
}

AttentionPoolWeights PermutePool(const AttentionPoolWeights& pool, at::ScalarType dtype) {
  AttentionPoolWeights out;
  out.latent = Own(pool.latent, at::kFloat);
  out.query = OwnLinear(pool.query, dtype);
  out.key = OwnLinear(pool.key, dtype);
  out.value = OwnLinear(pool.value, dtype);
  out.proj = OwnLinear(pool.proj, dtype);
  out.norm = OwnNorm(pool.norm);
  out.fc1 = OwnLinear(pool.fc1, dtype);
  out.fc2 = OwnLinear(pool.fc2, dtype);
  return out;
}

// Every parameter, defined or not.
std::vector<at::Tensor*> TensorsOf(PermutedWeights& weights) {
  HeadWeights& head = weights.head;
  std::vector<at::Tensor*> tensors = {&weights.patch_weight,
                                      &weights.patch_bias,
                                      &weights.prefix,
                                      &weights.position_embedding,
                                      &weights.norm_before.weight,
                                      &weights.norm_before.bias,
                                      &weights.rotary.cos,
                                      &weights.rotary.sin,
                                      &head.norm.weight,
                                      &head.norm.bias,
                                      &head.head.weight,
                                      &head.head.bias,
                                      &head.projection};
  for (at::Tensor* tensor : TensorsOf(head.pool)) tensors.push_back(tensor);
  for (PermutedBlock& block : weights.blocks) {
    for (Norm* norm : {&block.norm1, &block.query_norm, &block.key_norm, &block.norm2}) {
      tensors.insert(tensors.end(), {&norm->weight, &norm->bias});
    }
    for (at::Tensor* tensor :
         {&block.qkv_weight, &block.qkv_bias, &block.proj_weight, &block.proj_bias, &block.scale1,
          &block.fc1_weight, &block.fc1_bias, &block.fc2_weight, &block.fc2_bias, &block.scale2}) {
      tensors.push_back(tensor);
    }
  }
  return tensors;
}

}  // namespace

absl::StatusOr<PermutedWeights> Permute(const VitWeights& weights, const UnitRanking* ranking,
                                        at::ScalarType dtype,
                                        const std::function<void()>& after_block) {
  return Guard([&]() -> absl::StatusOr<PermutedWeights> {
    const at::Device device = weights.patch.weight.device();
    PermutedWeights out;
    out.config = weights.config;
    out.patch_weight = Own(weights.patch.weight.flatten(1).t(), dtype);
    out.patch_bias = OwnBias(weights.patch.bias, weights.config.embed_dim, out.patch_weight);
    out.prefix = Own(weights.prefix, at::kFloat);
    out.position_embedding = Own(weights.position_embedding, at::kFloat);
    out.norm_before = OwnNorm(weights.norm_before);
    out.rotary = To(MakeRotaryTable(weights.config), device);
    for (int i = 0; i < weights.config.depth; ++i) {
      std::optional<at::Tensor> heads;
      std::optional<at::Tensor> channels;
      if (ranking != nullptr) {
        heads = Index(ranking->heads(i)).to(device);
        channels = Index(ranking->channels(i)).to(device);
      }
      out.blocks.push_back(PermuteBlock(weights.config, weights.blocks[i], heads, channels, dtype));
      if (after_block) after_block();
    }
    out.head.norm = OwnNorm(weights.norm);
    out.head.pool = PermutePool(weights.pool, dtype);
    out.head.head = OwnLinear(weights.head, at::kFloat);
    out.head.projection = Own(weights.projection, at::kFloat);
    return out;
  });
}

absl::StatusOr<PermutedWeights> To(const PermutedWeights& weights, at::Device device) {
  return Guard([&] {
    PermutedWeights result = weights;
    for (at::Tensor* tensor : TensorsOf(result)) {
      if (tensor->defined()) *tensor = tensor->to(device);
    }
    return result;
  });
}

size_t PermutedWeights::Bytes() const {
  size_t bytes = 0;
  PermutedWeights same = *this;  // tensors are handles
  for (const at::Tensor* tensor : TensorsOf(same)) {
    if (tensor->defined()) bytes += tensor->nbytes();
  }
  return bytes;
}

View MakeView(const PermutedWeights& weights, const CorrectionSet& corrections,
              const KeepCounts& keep) {
  const int depth = weights.config.depth;
  const int64_t head_dim = weights.config.head_dim;
  const int64_t width = weights.config.embed_dim;
  const int64_t rows = RowsOfChannel(weights.config);
  View view;
  view.reserve(weights.blocks.size());
  for (size_t i = 0; i < weights.blocks.size(); ++i) {
    const PermutedBlock& block = weights.blocks[i];
    BlockView out;
    out.heads = keep.heads[i];
    out.channels = keep.channels[i];
    out.qkv_weight =
        block.qkv_weight.narrow(0, 0, out.heads).view({out.heads * 3 * head_dim, width});
    if (block.qkv_bias.defined()) {
      out.qkv_bias = block.qkv_bias.narrow(0, 0, out.heads).view({out.heads * 3 * head_dim});
    }
    out.proj_weight = block.proj_weight.narrow(0, 0, out.heads * head_dim);
    out.fc1_weight = block.fc1_weight.narrow(0, 0, out.channels * rows);
    out.fc1_bias = block.fc1_bias.narrow(0, 0, out.channels * rows);
    out.fc2_weight = block.fc2_weight.narrow(0, 0, out.channels);
    out.proj_bias = block.proj_bias;
    out.fc2_bias = block.fc2_bias;
    const int row = static_cast<int>(i);
    if (const auto* correction = corrections.Find(depth + row, out.heads)) {
      out.proj_bias = correction->bias;
      out.proj_in = correction->in;
      out.proj_out = correction->out;
    }
    if (const auto* correction = corrections.Find(row, out.channels)) {
      out.fc2_bias = correction->bias;
      out.fc2_in = correction->in;
      out.fc2_out = correction->out;
    }
    view.push_back(std::move(out));
  }
  return view;
}

}  // namespace snapvit
