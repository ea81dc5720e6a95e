// The tables of timm architectures: what neither config.json nor the tensors of a timm checkpoint
// tell, and the architectures whose tensors look like a supported one while they compute something
// else.
#ifndef SNAPVIT_CORE_MODEL_TIMM_ARCHITECTURES_H_
#define SNAPVIT_CORE_MODEL_TIMM_ARCHITECTURES_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/model/checkpoint_config.h"
#include "core/model/checkpoint_layout.h"
#include "core/model/vit_config.h"

namespace snapvit {

// What timm builds for a name unless model_args says otherwise.
struct TimmArchitecture {
  int num_heads = 0;
  int embed_dim = 0;
  Activation activation = Activation::kGelu;  // of a MLP without gate
  double norm_eps = 1e-6;
  ModelPooling pooling = ModelPooling::kClassToken;
  Positions positions = Positions::kLearned;
  PositionResampling resampling = PositionResampling::kBicubicAntialias;
  // A CLIP vision tower: unless it was fine-tuned, its head is the projection into the joint space.
  bool clip = false;
};

// By the name up to a tag after "."; nothing if the tables do not know it. Checked against timm's
// own registry by tests/golden/timm_architectures.json.
std::optional<TimmArchitecture> FindTimmArchitecture(std::string_view architecture);

// The feature that keeps an architecture of this name from being served although its tensors look
// like those of a supported one, or nothing.
std::optional<std::string_view> UnsupportedTimmArchitecture(std::string_view architecture);

// "16" in vit_base_patch16_224: the patch size that timm builds by default, pixels.
std::optional<int> PatchSizeInName(std::string_view architecture);

// The families of the table, for error messages.
std::string KnownTimmArchitectures();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TIMM_ARCHITECTURES_H_
