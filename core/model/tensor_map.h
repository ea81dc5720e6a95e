// TensorMap: which tensor of a checkpoint, or which rows of it, fills which place of VitWeights.
#ifndef SNAPVIT_CORE_MODEL_TENSOR_MAP_H_
#define SNAPVIT_CORE_MODEL_TENSOR_MAP_H_

#include <compare>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/checkpoint.h"
#include "core/model/checkpoint_layout.h"

namespace snapvit {

// One place of VitWeights.
struct SlotKey {
  Slot slot = Slot::kPatch;
  bool bias = false;
  int block = 0;  // 0 for what is no part of a block

  auto operator<=>(const SlotKey&) const = default;
};

// The `part`-th of `parts` equal groups of a tensor's rows.
struct TensorSource {
  std::string tensor;
  int part = 0;
  int parts = 1;
};

class TensorMap {
 public:
  // Sorts the tensors of a checkpoint into their places by the rows of `layout`. INVALID_ARGUMENT
  // names the file and the tensor if it is not in the layout, belongs to a feature that is not
  // supported, is not F32, F16 or BF16, or has the place of another tensor. A gated MLP that is
  // packed in fc1 (twice as many rows as fc2 has columns) is split: gate, then value.
  static absl::StatusOr<TensorMap> Of(const CheckpointIndex& index, const CheckpointLayout& layout);

  const std::map<SlotKey, TensorSource>& sources() const { return sources_; }
  bool Has(Slot slot, bool bias = false, int block = 0) const {
    return sources_.contains({slot, bias, block});
  }
  // Null without such a tensor.
  const TensorSource* Find(const SlotKey& key) const;
  // One more than the highest number of a block.
  int blocks() const { return blocks_; }
  // The name that the tensor for a place has, or would have: as in other blocks of this checkpoint,
  // else the layout's first.
  std::string NameOf(const SlotKey& key) const;
  // Leaves out what fills a slot.
  void Drop(Slot slot);
  // Gives the weight of one slot to another; its bias is left out.
  void Move(Slot from, Slot to);

 private:
  explicit TensorMap(const CheckpointLayout& layout) : layout_(&layout) {}

  absl::Status Add(const CheckpointIndex& index, const std::string& name);
  absl::Status AddRow(const CheckpointIndex& index, const std::string& name, const TensorRow& row,
                      bool bias, int block);
  void SplitPackedGates(const CheckpointIndex& index);

  const CheckpointLayout* layout_;
  std::string prefix_;  // the one that tensors of this checkpoint have, "" without
  std::map<SlotKey, TensorSource> sources_;
  int blocks_ = 0;
};

// An error about a tensor, as "path: tensor "name" what".
absl::Status TensorError(const CheckpointIndex& index, const std::string& tensor,
                         const std::string& what);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TENSOR_MAP_H_
