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

PermutedBlock PermuteBlock(const VitConfig& config, const BlockWeights& block,
                           const std::optional<at::Tensor>& heads,
                           const std::optional<at::Tensor>& channels, at::ScalarType dtype) {
  const int64_t num_heads = config.num_heads;
  const int64_t head_dim = config.head_dim;
  const int64_t width = config.embed_dim;
  PermutedBlock out;
  out.norm1_weight = Own(block.norm1_weight, at::kFloat);
  out.norm1_bias = Own(block.norm1_bias, at::kFloat);
  out.norm2_weight = Own(block.norm2_weight, at::kFloat);
  out.norm2_bias = Own(block.norm2_bias, at::kFloat);

  // [3, H, dh, D] -> [H, 3, dh, D]: a head's q, k and v rows lie together.
  out.qkv_weight =
      Own(Select(block.qkv_weight.view({3, num_heads, head_dim, width}).transpose(0, 1), 0, heads),
          dtype);
  if (block.qkv_bias.defined()) {
    out.qkv_bias =
        Own(Select(block.qkv_bias.view({3, num_heads, head_dim}).transpose(0, 1), 0, heads), dtype);
  }
  out.proj_weight =
      Own(Select(block.proj_weight.t().view({num_heads, head_dim, width}), 0, heads), dtype)
          .view({num_heads * head_dim, width});
  out.proj_bias = Own(block.proj_bias, dtype);

  out.fc1_weight = Own(Select(block.fc1_weight, 0, channels), dtype);
  out.fc1_bias = Own(Select(block.fc1_bias, 0, channels), dtype);
  out.fc2_weight = Own(Select(block.fc2_weight.t(), 0, channels), dtype);
  out.fc2_bias = Own(block.fc2_bias, dtype);
  return out;
}

// Every parameter, defined or not.
std::vector<at::Tensor*> TensorsOf(PermutedWeights& weights) {
  std::vector<at::Tensor*> tensors = {
      &weights.patch_weight, &weights.patch_bias, &weights.class_token, &weights.position_embedding,
      &weights.norm_weight,  &weights.norm_bias,  &weights.head_weight, &weights.head_bias};
  for (PermutedBlock& block : weights.blocks) {
    for (at::Tensor* tensor :
         {&block.norm1_weight, &block.norm1_bias, &block.qkv_weight, &block.qkv_bias,
          &block.proj_weight, &block.proj_bias, &block.norm2_weight, &block.norm2_bias,
          &block.fc1_weight, &block.fc1_bias, &block.fc2_weight, &block.fc2_bias}) {
      tensors.push_back(tensor);
    }
  }
  return tensors;
}

}  // namespace

absl::StatusOr<PermutedWeights> Permute(const VitWeights& weights, const UnitRanking* ranking,
                                        at::ScalarType dtype) {
  return Guard([&]() -> absl::StatusOr<PermutedWeights> {
    PermutedWeights out;
    out.config = weights.config;
    out.patch_weight = Own(weights.patch_weight.flatten(1).t(), dtype);
    out.patch_bias = Own(weights.patch_bias, dtype);
    out.class_token = Own(weights.class_token, at::kFloat);
    out.position_embedding = Own(weights.position_embedding, at::kFloat);
    for (int i = 0; i < weights.config.depth; ++i) {
      std::optional<at::Tensor> heads;
      std::optional<at::Tensor> channels;
      if (ranking != nullptr) {
        heads = Index(ranking->heads(i)).to(weights.patch_weight.device());
        channels = Index(ranking->channels(i)).to(weights.patch_weight.device());
      }
      out.blocks.push_back(PermuteBlock(weights.config, weights.blocks[i], heads, channels, dtype));
    }
    out.norm_weight = Own(weights.norm_weight, at::kFloat);
    out.norm_bias = Own(weights.norm_bias, at::kFloat);
    out.head_weight = Own(weights.head_weight, at::kFloat);
    out.head_bias = Own(weights.head_bias, at::kFloat);
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
    out.fc1_weight = block.fc1_weight.narrow(0, 0, out.channels);
    out.fc1_bias = block.fc1_bias.narrow(0, 0, out.channels);
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
