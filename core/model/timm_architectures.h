// The table of timm architectures: what neither config.json nor the tensors of a timm checkpoint
// tell, and the architectures whose tensors look like a supported one while they compute something
// else.
#ifndef SNAPVIT_CORE_MODEL_TIMM_ARCHITECTURES_H_
#define SNAPVIT_CORE_MODEL_TIMM_ARCHITECTURES_H_

#include <optional>
#include <string>
#include <string_view>

namespace snapvit {

// What timm builds for a name unless model_args says otherwise.
struct TimmArchitecture {
  std::string_view name;  // of the family: what its names start with
  int num_heads = 0;
  int embed_dim = 0;
};

// The longest row that `architecture` starts with, up to a tag after "."; null without one. The
// rows are checked against timm's own registry by tests/golden/timm_architectures.json.
const TimmArchitecture* FindTimmArchitecture(std::string_view architecture);

// The feature that keeps an architecture of this name from being served although its tensors look
// plain, or nothing.
std::optional<std::string_view> UnsupportedTimmArchitecture(std::string_view architecture);

// "16" in vit_base_patch16_224: the patch size that timm builds by default, pixels.
std::optional<int> PatchSizeInName(std::string_view architecture);

// The families of the table, for error messages.
std::string KnownTimmArchitectures();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TIMM_ARCHITECTURES_H_
