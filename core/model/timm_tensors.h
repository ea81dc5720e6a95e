// The tensors of a timm VisionTransformer checkpoint: what their shapes tell about the model, and
// the complete list of names and shapes that a configuration implies.
#ifndef SNAPVIT_CORE_MODEL_TIMM_TENSORS_H_
#define SNAPVIT_CORE_MODEL_TIMM_TENSORS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/safetensors_header.h"
#include "core/model/vit_config.h"

namespace snapvit {

// What the shapes alone say. Checked further by CheckTimmTensors, once the configuration is known.
struct TimmShapes {
  int embed_dim = 0;
  int patch_size = 0;
  int depth = 0;
  int mlp_hidden = 0;
  int num_classes = 0;      // 0 without head.*
  int position_tokens = 0;  // rows of pos_embed: with or without one for the class token
  bool class_token = false;
  bool qkv_bias = false;
  bool norm_after_pooling = false;  // fc_norm.* instead of norm.*
};

// INVALID_ARGUMENT, naming `path` and the tensor, if one that every plain ViT has is missing or has
// the wrong rank or an absurd size, or if a tensor belongs to a feature that is not supported
// (LayerScale, registers, …).
absl::StatusOr<TimmShapes> ReadTimmShapes(const SafetensorsIndex& index, const std::string& path);

// Name → shape of every tensor that the file of such a model has. `position_tokens` as in
// TimmShapes.
std::map<std::string, TensorShape> ExpectedTimmTensors(const VitConfig& config,
                                                       int position_tokens);

// INVALID_ARGUMENT if a tensor is missing, has another shape than expected, is not F32, F16 or
// BF16, or is not part of the model; names the tensor, its shape and the expected one.
absl::Status CheckTimmTensors(const SafetensorsIndex& index, const VitConfig& config,
                              int position_tokens, const std::string& path);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TIMM_TENSORS_H_
