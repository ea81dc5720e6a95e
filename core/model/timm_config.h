// TimmConfig: a timm hub folder's config.json and the tensors beside it, brought together into one
// description of the model. The tensors say everything that shapes can say; the config is checked
// against them, and adds heads and pooling, which shapes do not tell.
#ifndef SNAPVIT_CORE_MODEL_TIMM_CONFIG_H_
#define SNAPVIT_CORE_MODEL_TIMM_CONFIG_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/image/preprocessing.h"
#include "core/model/safetensors_header.h"
#include "core/model/vit_config.h"

namespace snapvit {

struct TimmConfig {
  VitConfig model;
  Preprocessing preprocessing;
  std::vector<std::string> labels;  // num_classes of them, or none
  // Whether pos_embed has a row for the class token (not with timm's no_embed_class, or without a
  // class token).
  bool position_for_class_token = false;
};

// Where the text and the tensors come from, for messages.
struct TimmConfigPaths {
  std::string config;   // …/config.json
  std::string weights;  // …/model.safetensors
};

// `text` is config.json's content, `index` the tensors of model.safetensors. After OK, every tensor
// that the model needs is there with the right shape and a supported dtype, and there are no
// others.
//
// Heads come from model_args.num_heads, else from the table of architectures. The input size is
// model_args.img_size, else pretrained_cfg.input_size, else the square that pos_embed implies;
// images are preprocessed to it. INVALID_ARGUMENT names the file, the field or tensor, its value,
// and what was expected.
absl::StatusOr<TimmConfig> ReadTimmConfig(std::string_view text, const SafetensorsIndex& index,
                                          const TimmConfigPaths& paths);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TIMM_CONFIG_H_
