#include "core/model/tensor_shapes.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/model_limits.h"

namespace snapvit {
namespace {

using enum Slot;

// What a slot's weight looks like in a model, and whether it belongs to it.
struct SlotShape {
  bool present = false;
  bool bias = false;  // whether the slot has a bias, in this model
  TensorShape weight;
  // Of tokens and positions, libraries write any number of leading ones.
  bool any_leading_ones = false;
};

SlotShape Absent() { return {}; }

SlotShape LinearShape(int64_t out, int64_t in, bool bias = true) {
  return {.present = true, .bias = bias, .weight = {out, in}};
}

SlotShape NormShape(int64_t width) { return {.present = true, .bias = true, .weight = {width}}; }

SlotShape ScaleShape(int64_t width) { return {.present = true, .bias = false, .weight = {width}}; }

SlotShape RowsShape(int64_t rows, int64_t width) {
  return {.present = true, .bias = false, .weight = {rows, width}, .any_leading_ones = true};
}

SlotShape If(bool condition, SlotShape shape) { return condition ? std::move(shape) : Absent(); }

SlotShape ShapeOfModelSlot(Slot slot, const VitConfig& config, int position_rows) {
  const int64_t dim = config.embed_dim;
  const int64_t patch = config.patch_size;
  const bool pool = config.pooling == ModelPooling::kAttention;
  const bool two_heads = config.classifier_input == ClassifierInput::kClassAndDistillation;
  switch (slot) {
    case kPatch:
      return {.present = true, .bias = true, .weight = {dim, 3, patch, patch}};
    case kClassToken:
      return If(config.class_token, RowsShape(1, dim));
    case kDistillationToken:
      return If(config.distillation_token, RowsShape(1, dim));
    case kRegisterTokens:
      return If(config.register_tokens > 0, RowsShape(config.register_tokens, dim));
    case kPositions:
      return If(config.positions == Positions::kLearned, RowsShape(position_rows, dim));
    case kNormBefore:
      return If(config.norm_before, NormShape(dim));
    case kNorm:
      return If(!config.norm_after_pooling, NormShape(dim));
    case kPooledNorm:
      return If(config.norm_after_pooling, NormShape(dim));
    case kLatent:
      return If(pool, RowsShape(1, dim));
    case kPoolQuery:
    case kPoolKey:
    case kPoolValue:
    case kPoolProj:
      return If(pool, LinearShape(dim, dim));
    case kPoolNorm:
      return If(pool, NormShape(dim));
    case kPoolFc1:
      return If(pool, LinearShape(config.pool_mlp_hidden, dim));
    case kPoolFc2:
      return If(pool, LinearShape(dim, config.pool_mlp_hidden));
    case kHead:
      return If(config.num_classes > 0,
                LinearShape(config.num_classes, two_heads ? dim : config.classifier_width()));
    case kDistillationHead:
      return If(config.num_classes > 0 && two_heads, LinearShape(config.num_classes, dim));
    case kProjection:
      return If(config.projection_dim > 0, LinearShape(config.projection_dim, dim, false));
    default:
      return Absent();
  }
}

SlotShape ShapeOfBlockSlot(Slot slot, const VitConfig& config) {
  const int64_t dim = config.embed_dim;
  const int64_t attention = int64_t{config.num_heads} * config.head_dim;
  const int64_t hidden = config.mlp_hidden;
  const BlockFeatures& block = config.block;
  switch (slot) {
    case kNorm1:
    case kNorm2:
      return NormShape(dim);
    case kQuery:
      return LinearShape(attention, dim, block.query_bias);
    case kKey:
      return LinearShape(attention, dim, block.key_bias);
    case kValue:
      return LinearShape(attention, dim, block.value_bias);
    case kQueryNorm:
    case kKeyNorm:
      return If(block.qk_norm, NormShape(config.head_dim));
    case kProj:
      return LinearShape(dim, attention);
    case kScale1:
    case kScale2:
      return If(block.layer_scale, ScaleShape(dim));
    case kGate:
      return If(block.gated_mlp, LinearShape(hidden, dim));
    case kFc1:
      return LinearShape(hidden, dim);
    case kFc2:
      return LinearShape(dim, hidden);
    default:
      return Absent();
  }
}

SlotShape ShapeOf(Slot slot, const VitConfig& config, int position_rows) {
  return IsOfBlock(slot) ? ShapeOfBlockSlot(slot, config)
                         : ShapeOfModelSlot(slot, config, position_rows);
}

constexpr Slot kFirstSlot = kPatch, kLastSlot = kScale2;

TensorShape WithoutLeadingOnes(const TensorShape& shape) {
  const auto first = std::find_if(shape.begin(), shape.end(), [](int64_t n) { return n != 1; });
  return {first, shape.end()};
}

// The tensor that holds a slot has `parts` times its rows.
bool Fits(const TensorShape& actual, TensorShape expected, const TensorSource& source,
          bool any_leading_ones) {
  if (!expected.empty()) expected[0] *= source.parts;
  return any_leading_ones ? WithoutLeadingOnes(actual) == WithoutLeadingOnes(expected)
                          : actual == expected;
}

std::string Expected(TensorShape shape, int parts, bool any_leading_ones) {
  if (!shape.empty()) shape[0] *= parts;
  if (any_leading_ones) shape.insert(shape.begin(), 1);
  return ShapeString(shape);
}

class TensorCheck {
 public:
  TensorCheck(const CheckpointIndex& index, const TensorMap& map, const CheckpointLayout& layout,
              const VitConfig& config, int position_rows)
      : index_(index), map_(map), layout_(layout), config_(config), position_rows_(position_rows) {}

  // Everything that a model of this configuration has.
  absl::Status CheckExpected() const {
    for (int i = static_cast<int>(kFirstSlot); i <= static_cast<int>(kLastSlot); ++i) {
      const Slot slot = static_cast<Slot>(i);
      const int blocks = IsOfBlock(slot) ? config_.depth : 1;
      for (int block = 0; block < blocks; ++block) RETURN_IF_ERROR(CheckSlot(slot, block));
    }
    return absl::OkStatus();
  }

  // Nothing that it doesn't have.
  absl::Status CheckUnexpected() const {
    for (const auto& [key, source] : map_.sources()) {
      const SlotShape shape = ShapeOf(key.slot, config_, position_rows_);
      const bool expected = shape.present && (!key.bias || HasBias(key.slot, shape));
      if (!expected) {
        return TensorError(
            index_, source.tensor,
            absl::StrCat(
                "is not part of this model (", config_.depth, " blocks, ", config_.num_classes,
                " classes): ", key.block > 0 ? "block 0 has none" : "it has no use for it"));
      }
    }
    return absl::OkStatus();
  }

 private:
  bool HasBias(Slot slot, const SlotShape& shape) const {
    const bool optional = std::find(layout_.optional_bias.begin(), layout_.optional_bias.end(),
                                    slot) != layout_.optional_bias.end();
    return shape.bias && (!optional || map_.Has(slot, /*bias=*/true));
  }

  absl::Status CheckSlot(Slot slot, int block) const {
    const SlotShape shape = ShapeOf(slot, config_, position_rows_);
    if (!shape.present) return absl::OkStatus();
    RETURN_IF_ERROR(CheckOne({slot, false, block}, shape.weight, shape.any_leading_ones));
    if (!HasBias(slot, shape)) return absl::OkStatus();
    return CheckOne({slot, true, block}, {shape.weight[0]}, false);
  }

  absl::Status CheckOne(const SlotKey& key, const TensorShape& expected,
                        bool any_leading_ones) const {
    const std::string name = map_.NameOf(key);
    const TensorSource* source = map_.Find(key);
    if (source == nullptr) {
      const TensorSource* like = map_.Find({key.slot, key.bias, 0});
      return TensorError(
          index_, name,
          absl::StrCat("is missing, expected shape ",
                       Expected(expected, like == nullptr ? 1 : like->parts, any_leading_ones)));
    }
    const TensorShape& actual = index_.tensors.at(source->tensor).shape;
    if (Fits(actual, expected, *source, any_leading_ones)) return absl::OkStatus();
    return TensorError(index_, name,
                       absl::StrCat("has shape ", ShapeString(actual), ", expected ",
                                    Expected(expected, source->parts, any_leading_ones)));
  }

  const CheckpointIndex& index_;
  const TensorMap& map_;
  const CheckpointLayout& layout_;
  const VitConfig& config_;
  const int position_rows_;
};

// The shape of a weight that is there or must be, with this many dimensions, each from 1 to the
// limit; of tokens and positions without leading ones.
absl::StatusOr<TensorShape> RequiredShape(const CheckpointIndex& index, const TensorMap& map,
                                          Slot slot, size_t rank) {
  const SlotKey key = {slot, false, 0};
  const std::string name = map.NameOf(key);
  const TensorSource* source = map.Find(key);
  if (source == nullptr) {
    return TensorError(index, name,
                       "is missing; every such model has it. Do these weights belong to the "
                       "config.json beside them?");
  }
  TensorShape shape = index.tensors.at(source->tensor).shape;
  const bool sane = std::all_of(shape.begin(), shape.end(),
                                [](int64_t extent) { return extent >= 1 && extent <= kMaxExtent; });
  if (shape.size() != rank || !sane) {
    return TensorError(index, name,
                       absl::StrCat("has shape ", ShapeString(shape), ", expected ", rank,
                                    " dimensions from 1 to ", kMaxExtent));
  }
  shape[0] /= source->parts;
  return shape;
}

// Rows of [1, …, 1, rows, D].
absl::StatusOr<int> TokenRows(const CheckpointIndex& index, const TensorMap& map, Slot slot,
                              int64_t width) {
  const TensorSource* source = map.Find({slot, false, 0});
  if (source == nullptr) return 0;
  const TensorShape& shape = index.tensors.at(source->tensor).shape;
  const TensorShape rest = WithoutLeadingOnes(shape);
  const bool one = rest.size() <= 1;  // of one row, its 1 is among those left out
  const int64_t rows = one ? 1 : rest[0];
  if (rest.size() > 2 || shape.empty() || shape.back() != width || rows < 1 || rows > kMaxExtent) {
    return TensorError(index, source->tensor,
                       absl::StrCat("has shape ", ShapeString(shape), ", expected [1, rows, ",
                                    width, "] with up to ", kMaxExtent, " rows"));
  }
  return static_cast<int>(rows);
}

absl::Status ReadPatch(const CheckpointIndex& index, const TensorMap& map, VitConfig& config) {
  ASSIGN_OR_RETURN(const TensorShape patch, RequiredShape(index, map, kPatch, 4));
  if (patch[1] != 3 || patch[2] != patch[3] || patch[2] > kMaxPatchSize) {
    return TensorError(index, map.NameOf({kPatch, false, 0}),
                       absl::StrCat("has shape ", ShapeString(patch), ", expected [", patch[0],
                                    ", 3, p, p] with p up to ", kMaxPatchSize));
  }
  config.embed_dim = static_cast<int>(patch[0]);
  config.patch_size = static_cast<int>(patch[2]);
  return absl::OkStatus();
}

absl::Status ReadHeads(const CheckpointIndex& index, const TensorMap& map, VitConfig& config) {
  if (map.Has(kHead)) {
    ASSIGN_OR_RETURN(const TensorShape head, RequiredShape(index, map, kHead, 2));
    config.num_classes = static_cast<int>(head[0]);
  }
  if (map.Has(kDistillationHead)) config.classifier_input = ClassifierInput::kClassAndDistillation;
  if (map.Has(kProjection)) {
    ASSIGN_OR_RETURN(const TensorShape projection, RequiredShape(index, map, kProjection, 2));
    config.projection_dim = static_cast<int>(projection[0]);
  }
  if (map.Has(kLatent)) {
    config.pooling = ModelPooling::kAttention;
    ASSIGN_OR_RETURN(const TensorShape fc1, RequiredShape(index, map, kPoolFc1, 2));
    config.pool_mlp_hidden = static_cast<int>(fc1[0]);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TensorShapes> ReadTensorShapes(const CheckpointIndex& index, const TensorMap& map) {
  TensorShapes shapes;
  VitConfig& config = shapes.config;
  RETURN_IF_ERROR(ReadPatch(index, map, config));
  ASSIGN_OR_RETURN(const TensorShape fc1, RequiredShape(index, map, kFc1, 2));
  config.mlp_hidden = static_cast<int>(fc1[0]);
  config.depth = map.blocks();
  config.class_token = map.Has(kClassToken);
  config.distillation_token = map.Has(kDistillationToken);
  ASSIGN_OR_RETURN(config.register_tokens,
                   TokenRows(index, map, kRegisterTokens, config.embed_dim));
  ASSIGN_OR_RETURN(shapes.position_rows, TokenRows(index, map, kPositions, config.embed_dim));
  config.positions = map.Has(kPositions) ? Positions::kLearned : Positions::kRotary;
  config.norm_before = map.Has(kNormBefore);
  config.norm_after_pooling = map.Has(kPooledNorm);
  config.block.query_bias = map.Has(kQuery, /*bias=*/true);
  config.block.key_bias = map.Has(kKey, /*bias=*/true);
  config.block.value_bias = map.Has(kValue, /*bias=*/true);
  config.block.qk_norm = map.Has(kQueryNorm);
  config.block.layer_scale = map.Has(kScale1);
  config.block.gated_mlp = map.Has(kGate);
  RETURN_IF_ERROR(ReadHeads(index, map, config));
  return shapes;
}

absl::Status CheckTensors(const CheckpointIndex& index, const TensorMap& map,
                          const CheckpointLayout& layout, const VitConfig& config,
                          int position_rows) {
  const TensorCheck check(index, map, layout, config, position_rows);
  RETURN_IF_ERROR(check.CheckExpected());
  return check.CheckUnexpected();
}

}  // namespace snapvit
