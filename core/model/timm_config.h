// TimmConfig: a timm hub folder's config.json and the tensors beside it.
#ifndef SNAPVIT_CORE_MODEL_TIMM_CONFIG_H_
#define SNAPVIT_CORE_MODEL_TIMM_CONFIG_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/model/checkpoint.h"
#include "core/model/checkpoint_config.h"

namespace snapvit {

struct TimmConfig {
  CheckpointConfig checkpoint;
  // timm stores the projection of a CLIP vision tower as its classifier. True if the head can be
  // either: an architecture of CLIP, a tag that names no fine-tuning, no labels. Then the values
  // decide: a projection's bias is zero, a trained classifier's is not.
  bool head_may_be_projection = false;
};

// `text` is config.json's content and `path` where it is from, `index` the tensors beside it.
//
// Heads come from model_args.num_heads, else from the tables of architectures. The input size is
// model_args.img_size, else pretrained_cfg.input_size, else the square that the position embeddings
// imply; images are preprocessed to it, and position embeddings that are stored for another square
// are resampled to it at load. INVALID_ARGUMENT names the file, the field or tensor, its value, and
// what was expected.
absl::StatusOr<TimmConfig> ReadTimmConfig(std::string_view text, const CheckpointIndex& index,
                                          const std::string& path);

// The same model with its head as projection instead of classifier.
CheckpointConfig WithHeadAsProjection(CheckpointConfig config);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TIMM_CONFIG_H_
