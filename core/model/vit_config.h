// VitConfig: what shapes a Vision Transformer, in plain C++ types. A model family is a set of
// features (docs/models.md); the plain ViT is the row with everything optional switched off.
#ifndef SNAPVIT_CORE_MODEL_VIT_CONFIG_H_
#define SNAPVIT_CORE_MODEL_VIT_CONFIG_H_

#include <string>

namespace snapvit {

// What the model's own embedding is, computed from the tokens after the last block.
enum class ModelPooling {
  kClassToken,            // token 0 after the final norm (timm global_pool="token")
  kMean,                  // mean of the patch tokens (timm "avg"), maybe before the final norm
  kClassAndDistillation,  // (class token + distillation token) / 2 after the final norm (DeiT)
  kAttention,  // one learned query attends to the patches after the final norm (timm "map", SigLIP)
};

// What the classifier sees. Of two vectors, the one after the other.
enum class ClassifierInput {
  kPooled,                // the embedding, [D]
  kClassToken,            // the class token after the final norm, [D]
  kMean,                  // the mean of the patches after the final norm, [D] (SigLIP classifiers)
  kClassAndDistillation,  // both tokens after the final norm, [2·D]
  kClassAndMean,  // the class token and the mean of the patches, [2·D] (DINOv2 classifiers)
};

// The nonlinearity of the MLP.
enum class Activation {
  kGelu,       // exact, erf
  kGeluTanh,   // its tanh approximation
  kQuickGelu,  // x·sigmoid(1.702·x)
  kSilu,       // x·sigmoid(x), of gates
};

enum class Positions {
  kLearned,  // added to the tokens, once
  kRotary,   // turns queries and keys of the patches in every block (core/model/rotary.h)
};

// Features of the transformer blocks. More families add fields here; see docs/models.md.
struct BlockFeatures {
  bool query_bias = true;
  bool key_bias = true;
  bool value_bias = true;
  bool qk_norm = false;  // LayerNorm of each head's queries and keys, before they are turned
  bool layer_scale = false;
  bool gated_mlp = false;  // hidden = activation(gate(x))·fc1(x): SwiGLU with kSilu
  Activation activation = Activation::kGelu;
  double norm_eps = 1e-6;  // of all norms of the model
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
  // Tokens before the patch tokens, in this order.
  bool class_token = true;
  bool distillation_token = false;
  int register_tokens = 0;
  Positions positions = Positions::kLearned;
  double rope_theta = 100;   // base of the rotary periods
  bool norm_before = false;  // a norm between positions and the first block (CLIP)
  ModelPooling pooling = ModelPooling::kClassToken;
  int pool_mlp_hidden = 0;  // channels of the attention pooling's MLP; its heads are num_heads
  // timm's fc_norm: no norm on the tokens, one on the pooled vector.
  bool norm_after_pooling = false;
  ClassifierInput classifier_input = ClassifierInput::kPooled;
  // CLIP: width of the joint text-image space that the embedding can be projected into, 0 without.
  int projection_dim = 0;
  BlockFeatures block;

  int prefix_tokens() const {
    return (class_token ? 1 : 0) + (distillation_token ? 1 : 0) + register_tokens;
  }
  // Whole patches only: pixels beyond the last one are not seen (so400m/14 at 384: 27 x 27).
  int grid_height() const { return image_height / patch_size; }
  int grid_width() const { return image_width / patch_size; }
  int patches() const { return grid_height() * grid_width(); }
  // N, tokens that run through every block.
  int tokens() const { return prefix_tokens() + patches(); }
  // Components of what the classifier sees.
  int classifier_width() const {
    const bool two = classifier_input == ClassifierInput::kClassAndDistillation ||
                     classifier_input == ClassifierInput::kClassAndMean;
    return two ? 2 * embed_dim : embed_dim;
  }
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_VIT_CONFIG_H_
