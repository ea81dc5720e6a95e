// Shapes that many tests share.
#ifndef SNAPVIT_TESTS_TESTING_VIT_CONFIGS_H_
#define SNAPVIT_TESTS_TESTING_VIT_CONFIGS_H_

#include <string>
#include <vector>

#include "core/model/vit_config.h"

namespace snapvit {

inline VitConfig MakeVitConfig(int image, int patch, int width, int depth, int heads, int hidden,
                               int classes) {
  VitConfig config;
  config.architecture = "test_vit";
  config.image_height = image;
  config.image_width = image;
  config.patch_size = patch;
  config.embed_dim = width;
  config.depth = depth;
  config.num_heads = heads;
  config.head_dim = width / heads;
  config.mlp_hidden = hidden;
  config.num_classes = classes;
  return config;
}

inline VitConfig VitBase16() { return MakeVitConfig(224, 16, 768, 12, 12, 3072, 1000); }
inline VitConfig VitSmall16() { return MakeVitConfig(224, 16, 384, 12, 6, 1536, 0); }
inline VitConfig DemoVit() { return MakeVitConfig(32, 4, 192, 6, 6, 768, 10); }

// A tiny model of each family, with all that the family has.
struct NamedVitConfig {
  std::string name;
  VitConfig config;
};

inline std::vector<NamedVitConfig> FamilyConfigs() {
  const VitConfig plain = MakeVitConfig(20, 5, 48, 3, 4, 80, 6);
  VitConfig dinov2 = plain;  // with registers, SwiGLU (giant) and a classifier of transformers
  dinov2.register_tokens = 3;
  dinov2.block.layer_scale = true;
  dinov2.block.gated_mlp = true;
  dinov2.block.activation = Activation::kSilu;
  dinov2.classifier_input = ClassifierInput::kClassAndMean;
  VitConfig dinov3 = plain;
  dinov3.image_width = 30;
  dinov3.register_tokens = 4;
  dinov3.positions = Positions::kRotary;
  dinov3.pooling = ModelPooling::kMean;
  dinov3.block.key_bias = false;
  dinov3.block.layer_scale = true;
  dinov3.block.norm_eps = 1e-5;
  VitConfig siglip = plain;
  siglip.class_token = false;
  siglip.pooling = ModelPooling::kAttention;
  siglip.pool_mlp_hidden = 60;
  siglip.block.activation = Activation::kGeluTanh;
  siglip.num_classes = 0;
  VitConfig deit = plain;
  deit.distillation_token = true;
  deit.pooling = ModelPooling::kClassAndDistillation;
  deit.classifier_input = ClassifierInput::kClassAndDistillation;
  VitConfig clip = plain;
  clip.norm_before = true;
  clip.block.activation = Activation::kQuickGelu;
  clip.num_classes = 0;
  clip.projection_dim = 20;
  VitConfig norms = plain;  // q/k norms, LayerScale, no biases of queries, keys and values
  norms.block.qk_norm = true;
  norms.block.layer_scale = true;
  for (bool* bias : {&norms.block.query_bias, &norms.block.key_bias, &norms.block.value_bias}) {
    *bias = false;
  }
  VitConfig mean = plain;
  mean.class_token = false;
  mean.pooling = ModelPooling::kMean;
  mean.norm_after_pooling = true;
  return {{"plain", plain}, {"dinov2", dinov2}, {"dinov3", dinov3}, {"siglip", siglip},
          {"deit", deit},   {"clip", clip},     {"qk_norm", norms}, {"mean", mean}};
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_VIT_CONFIGS_H_
