// TimmHubFile: a timm config.json as it was written, before it meets the tensors. Reads the present
// layout (pretrained_cfg nested) and the older one (its fields at the root), and refuses what is
// not supported.
#ifndef SNAPVIT_CORE_MODEL_TIMM_HUB_FILE_H_
#define SNAPVIT_CORE_MODEL_TIMM_HUB_FILE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/timm_preprocessing.h"
#include "core/model/vit_config.h"

namespace snapvit {

// Arguments that override what timm builds for the architecture; what is not given is nothing.
struct TimmModelArgs {
  std::optional<std::pair<int, int>> image_size;  // height, width
  std::optional<int> patch_size, embed_dim, depth, num_heads, num_classes, register_tokens;
  std::optional<double> mlp_ratio, rope_theta;
  std::optional<bool> qkv_bias, class_token, no_embed_class, fc_norm, qk_norm, layer_scale,
      norm_before;
  std::optional<Activation> activation;
  std::optional<ModelPooling> pooling;
};

struct TimmHubFile {
  std::string architecture;
  std::string
      tag;  // which weights of the architecture: of pretrained_cfg, else behind the name's "."
  TimmModelArgs args;
  std::optional<int> num_classes;                 // at the root, else in pretrained_cfg
  std::optional<ModelPooling> pooling;            // at the root
  std::optional<std::pair<int, int>> input_size;  // pretrained_cfg.input_size, height, width
  TimmPreprocessing preprocessing;
  std::vector<std::string> labels;  // by class index; empty without label_names
};

// INVALID_ARGUMENT names `path`, the field, its value and what is supported.
absl::StatusOr<TimmHubFile> ParseTimmHubFile(std::string_view text, const std::string& path);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TIMM_HUB_FILE_H_
