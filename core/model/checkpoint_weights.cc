#include "core/model/checkpoint_weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/model/position_embedding.h"
#include "core/model/torch_dtype.h"

namespace snapvit {
namespace {

using enum Slot;

// Fetches what fills a place, if the checkpoint has it.
class WeightReader {
 public:
  WeightReader(const Checkpoint& checkpoint, const TensorMap& tensors)
      : checkpoint_(checkpoint), tensors_(tensors) {}

  absl::Status Read(const SlotKey& key, at::Tensor& tensor) const {
    const TensorSource* source = tensors_.Find(key);
    if (source == nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(tensor, TensorOfFile(checkpoint_.FileOf(source->tensor), source->tensor));
    if (source->parts > 1) {
      const int64_t rows = tensor.size(0) / source->parts;
      tensor = tensor.narrow(/*dim=*/0, source->part * rows, rows);
    }
    return absl::OkStatus();
  }

  // A layer or a norm.
  template <typename Layer>
  absl::Status ReadLayer(Slot slot, Layer& layer, int block = 0) const {
    RETURN_IF_ERROR(Read({slot, /*bias=*/false, block}, layer.weight));
    return Read({slot, /*bias=*/true, block}, layer.bias);
  }

  // Tokens or positions, [rows, D] whatever their leading dimensions; undefined without.
  absl::Status ReadRows(Slot slot, int64_t width, at::Tensor& rows) const {
    RETURN_IF_ERROR(Read({slot, /*bias=*/false, 0}, rows));
    if (rows.defined()) rows = rows.view({-1, width});
    return absl::OkStatus();
  }

 private:
  const Checkpoint& checkpoint_;
  const TensorMap& tensors_;
};

absl::StatusOr<BlockWeights> ReadBlock(const WeightReader& reader, int index) {
  BlockWeights block;
  const std::pair<Slot, Norm*> norms[] = {{kNorm1, &block.norm1},
                                          {kQueryNorm, &block.query_norm},
                                          {kKeyNorm, &block.key_norm},
                                          {kNorm2, &block.norm2}};
  for (const auto& [slot, norm] : norms) RETURN_IF_ERROR(reader.ReadLayer(slot, *norm, index));
  const std::pair<Slot, Linear*> layers[] = {
      {kQuery, &block.query}, {kKey, &block.key}, {kValue, &block.value}, {kProj, &block.proj},
      {kGate, &block.gate},   {kFc1, &block.fc1}, {kFc2, &block.fc2}};
  for (const auto& [slot, layer] : layers) RETURN_IF_ERROR(reader.ReadLayer(slot, *layer, index));
  RETURN_IF_ERROR(reader.Read({kScale1, /*bias=*/false, index}, block.scale1));
  RETURN_IF_ERROR(reader.Read({kScale2, /*bias=*/false, index}, block.scale2));
  return block;
}

// Class token, distillation token, registers.
absl::Status ReadPrefix(const WeightReader& reader, int64_t width, at::Tensor& prefix) {
  std::vector<at::Tensor> tokens;
  for (const Slot slot : {kClassToken, kDistillationToken, kRegisterTokens}) {
    at::Tensor rows;
    RETURN_IF_ERROR(reader.ReadRows(slot, width, rows));
    if (rows.defined()) tokens.push_back(rows);
  }
  if (tokens.empty()) return absl::OkStatus();
  prefix = (tokens.size() == 1 ? tokens[0] : at::cat(tokens)).unsqueeze(0);
  return absl::OkStatus();
}

// The mean of what two heads make of two tokens is one head's of both.
absl::Status ReadHead(const WeightReader& reader, Linear& head) {
  RETURN_IF_ERROR(reader.ReadLayer(kHead, head));
  Linear distillation;
  RETURN_IF_ERROR(reader.ReadLayer(kDistillationHead, distillation));
  if (!distillation.weight.defined()) return absl::OkStatus();
  head.weight = at::cat({head.weight, distillation.weight}, /*dim=*/1) / 2;
  head.bias = (head.bias + distillation.bias) / 2;
  return absl::OkStatus();
}

absl::Status ReadPool(const WeightReader& reader, AttentionPoolWeights& pool) {
  RETURN_IF_ERROR(reader.Read({kLatent, /*bias=*/false, 0}, pool.latent));
  const std::pair<Slot, Linear*> layers[] = {{kPoolQuery, &pool.query}, {kPoolKey, &pool.key},
                                             {kPoolValue, &pool.value}, {kPoolProj, &pool.proj},
                                             {kPoolFc1, &pool.fc1},     {kPoolFc2, &pool.fc2}};
  for (const auto& [slot, layer] : layers) RETURN_IF_ERROR(reader.ReadLayer(slot, *layer));
  return reader.ReadLayer(kPoolNorm, pool.norm);
}

absl::Status ReadPositions(const WeightReader& reader, const CheckpointConfig& config,
                           at::Tensor& positions) {
  at::Tensor stored;
  RETURN_IF_ERROR(reader.ReadRows(kPositions, config.model.embed_dim, stored));
  if (stored.defined()) positions = FitPositions(config.model, config.positions, stored);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VitWeights> ReadWeights(const Checkpoint& checkpoint,
                                       const CheckpointConfig& config) {
  const WeightReader reader(checkpoint, config.tensors);
  VitWeights weights;
  weights.config = config.model;
  RETURN_IF_ERROR(reader.ReadLayer(kPatch, weights.patch));
  RETURN_IF_ERROR(ReadPrefix(reader, config.model.embed_dim, weights.prefix));
  RETURN_IF_ERROR(ReadPositions(reader, config, weights.position_embedding));
  RETURN_IF_ERROR(reader.ReadLayer(kNormBefore, weights.norm_before));
  for (int i = 0; i < config.model.depth; ++i) {
    ASSIGN_OR_RETURN(BlockWeights block, ReadBlock(reader, i));
    weights.blocks.push_back(std::move(block));
  }
  RETURN_IF_ERROR(
      reader.ReadLayer(config.model.norm_after_pooling ? kPooledNorm : kNorm, weights.norm));
  RETURN_IF_ERROR(ReadPool(reader, weights.pool));
  RETURN_IF_ERROR(ReadHead(reader, weights.head));
  RETURN_IF_ERROR(reader.Read({kProjection, /*bias=*/false, 0}, weights.projection));
  return weights;
}

}  // namespace snapvit
