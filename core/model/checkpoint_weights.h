// ReadWeights: the tensors of a checkpoint as VitWeights.
#ifndef SNAPVIT_CORE_MODEL_CHECKPOINT_WEIGHTS_H_
#define SNAPVIT_CORE_MODEL_CHECKPOINT_WEIGHTS_H_

#include "absl/status/statusor.h"
#include "core/model/checkpoint.h"
#include "core/model/checkpoint_config.h"
#include "core/model/vit_weights.h"

namespace snapvit {

// Views of the mapped files; rows of packed tensors are slices of them. Small tensors that no file
// has as they are here are copies: the tokens of a prefix of several, position embeddings that lack
// rows or are resampled, and the two heads of a distilled model as one. REQUIRES: `config` was read
// from `checkpoint`. Throws c10::Error as ATen does.
absl::StatusOr<VitWeights> ReadWeights(const Checkpoint& checkpoint,
                                       const CheckpointConfig& config);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_CHECKPOINT_WEIGHTS_H_
