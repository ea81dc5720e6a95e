// What the shapes of a checkpoint's tensors tell about the model, and the shapes that a
// configuration implies: the same for every family.
#ifndef SNAPVIT_CORE_MODEL_TENSOR_SHAPES_H_
#define SNAPVIT_CORE_MODEL_TENSOR_SHAPES_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/checkpoint.h"
#include "core/model/tensor_map.h"
#include "core/model/vit_config.h"

namespace snapvit {

struct TensorShapes {
  // Everything that shapes tell: patch_size, embed_dim, depth, mlp_hidden, num_classes, the tokens
  // of the prefix, norms, pooling by attention, projection, and the features of the blocks but
  // norm_eps and activation. Positions are rotary where there are none. The rest has its default.
  VitConfig config;
  int position_rows = 0;  // of the position embeddings, 0 without
};

// INVALID_ARGUMENT, naming the file and the tensor, if one that every model has is missing or has
// the wrong rank or an absurd size. Checked further by CheckTensors, once the configuration is
// known.
absl::StatusOr<TensorShapes> ReadTensorShapes(const CheckpointIndex& index, const TensorMap& map);

// INVALID_ARGUMENT if a tensor of such a model is missing, has another shape than expected, or is
// not part of it; names the file, the tensor, its shape and the expected one.
absl::Status CheckTensors(const CheckpointIndex& index, const TensorMap& map,
                          const CheckpointLayout& layout, const VitConfig& config,
                          int position_rows);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TENSOR_SHAPES_H_
