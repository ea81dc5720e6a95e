// VitConfig: what shapes a Vision Transformer, in plain C++ types. A model family is a set of
// features (docs/models.md); the plain ViT is the row with everything optional switched off.
#ifndef SNAPVIT_CORE_MODEL_VIT_CONFIG_H_
#define SNAPVIT_CORE_MODEL_VIT_CONFIG_H_

#include <string>

namespace snapvit {

// What the model's own embedding is, computed from the tokens after the last block.
enum class ModelPooling {
  kClassToken,  // token 0 after the final norm (timm global_pool="token")
  kMean,        // mean of the patch tokens (timm "avg"), maybe before the final norm
};

// The nonlinearity of the MLP.
enum class Activation { kGelu /* exact, erf */ };

// Features of the transformer blocks. More families add fields here; see docs/models.md.
struct BlockFeatures {
  bool qkv_bias = true;
  Activation activation = Activation::kGelu;
  double norm_eps = 1e-6;
};

struct VitConfig {
  std::string architecture;  // as in config.json
  int image_height = 0;      // pixels
  int image_width = 0;       // pixels
  int patch_size = 0;        // pixels, square
  int embed_dim = 0;         // D
  int depth = 0;             // L, transformer blocks
  int num_heads = 0;         // H
  int head_dim = 0;          // dh = D / H
  int mlp_hidden = 0;        // h, channels of the MLP's hidden layer
  int num_classes = 0;       // C, 0 without a classifier
  bool class_token = true;   // one token before the patch tokens
  ModelPooling pooling = ModelPooling::kClassToken;
  // timm's fc_norm: no norm on the tokens, one on the pooled vector.
  bool norm_after_pooling = false;
  BlockFeatures block;

  int prefix_tokens() const { return class_token ? 1 : 0; }
  // Whole patches only: pixels beyond the last one are not seen (so400m/14 at 384: 27 x 27).
  int grid_height() const { return image_height / patch_size; }
  int grid_width() const { return image_width / patch_size; }
  int patches() const { return grid_height() * grid_width(); }
  // N, tokens that run through every block.
  int tokens() const { return prefix_tokens() + patches(); }
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_VIT_CONFIG_H_
