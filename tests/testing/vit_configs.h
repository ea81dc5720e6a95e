// Shapes that many tests share.
#ifndef SNAPVIT_TESTS_TESTING_VIT_CONFIGS_H_
#define SNAPVIT_TESTS_TESTING_VIT_CONFIGS_H_

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

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_VIT_CONFIGS_H_
