// CheckpointLayout: how a library names the tensors of a family of models, as a table of rows "name
// in the file → its place in VitWeights". core/model/checkpoint_layouts.cc holds the tables: a
// family whose blocks compute what VitConfig can express is added there and in its table of
// configurations (timm_architectures.cc, hf_families.cc), with a golden of its own; see
// docs/models.md.
#ifndef SNAPVIT_CORE_MODEL_CHECKPOINT_LAYOUT_H_
#define SNAPVIT_CORE_MODEL_CHECKPOINT_LAYOUT_H_

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace snapvit {

// The places of VitWeights, each with a weight and perhaps a bias.
enum class Slot {
  // Of the model. The parts of the prefix are kept apart by checkpoints.
  kPatch,
  kClassToken,
  kDistillationToken,
  kRegisterTokens,
  kPositions,
  kNormBefore,
  kNorm,        // on the tokens
  kPooledNorm,  // on the pooled vector instead
  kLatent,
  kPoolQuery,
  kPoolKey,
  kPoolValue,
  kPoolProj,
  kPoolNorm,
  kPoolFc1,
  kPoolFc2,
  kHead,
  kDistillationHead,
  kProjection,
  // Of each block, from here on.
  kNorm1,
  kQuery,
  kKey,
  kValue,
  kQueryNorm,
  kKeyNorm,
  kProj,
  kScale1,
  kNorm2,
  kGate,
  kFc1,
  kFc2,
  kScale2,
};

inline constexpr bool IsOfBlock(Slot slot) { return slot >= Slot::kNorm1; }

// One row: `name` with '*' for the number of the block. Several slots: the tensor packs them,
// equally many rows of each, one after the other.
struct TensorRow {
  enum class Parts {
    kLayer,   // two tensors: name.weight and name.bias
    kWeight,  // one tensor of exactly this name
    kBias,
  };

  std::string_view name;
  std::array<Slot, 3> slots;
  size_t slot_count = 1;
  Parts parts = Parts::kLayer;
};

// Tensors of a feature that is not computed: refused by its name.
struct RefusedTensor {
  std::string_view part;  // of the tensor's name
  std::string_view feature;
};

struct CheckpointLayout {
  std::string_view name;  // "a … model", for messages
  // Left off a tensor's name, the first that it starts with.
  std::span<const std::string_view> prefixes = {};
  std::span<const TensorRow> rows = {};
  std::span<const TensorRow> shared_rows = {};  // more of them, of several layouts
  // Tensors that do not matter for what is computed. Names as in rows, or, ending in '.',
  // everything that starts so.
  std::span<const std::string_view> ignored = {};
  std::span<const RefusedTensor> refused = {};
  // Layers that may come without a bias. Queries, keys and values may everywhere.
  std::span<const Slot> optional_bias = {};
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_CHECKPOINT_LAYOUT_H_
