// Tensors of made-up timm checkpoints, as an index without data.
#ifndef SNAPVIT_TESTS_UNIT_CORE_MODEL_TIMM_INDEXES_H_
#define SNAPVIT_TESTS_UNIT_CORE_MODEL_TIMM_INDEXES_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/model/checkpoint.h"
#include "core/model/timm_config.h"
#include "core/model/vit_config.h"

namespace snapvit {

// 32×32 pixels in patches of 8, width 24, 3 heads, 2 blocks, MLP 96, class token, 7 classes.
VitConfig SmallVit();

// The tensors of such a model, all F32, in dir/model.safetensors. pos_embed has config.tokens()
// rows, or as many as are given.
CheckpointIndex IndexOf(const VitConfig& config);
CheckpointIndex IndexOf(const VitConfig& config, int position_tokens);

void AddTensor(CheckpointIndex& index, const std::string& name, TensorShape shape);

// ReadTimmConfig of this config.json beside these tensors, in the folder "dir".
absl::StatusOr<TimmConfig> ReadTimm(const std::string& json, const CheckpointIndex& index);
// The configuration alone.
absl::StatusOr<CheckpointConfig> Read(const std::string& json, const CheckpointIndex& index);

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_UNIT_CORE_MODEL_TIMM_INDEXES_H_
