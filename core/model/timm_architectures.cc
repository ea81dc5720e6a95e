#include "core/model/timm_architectures.h"

#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace snapvit {
namespace {

// By what names start with; the longest that fits counts.
struct Size {
  std::string_view prefix;
  int num_heads;
  int embed_dim;
};

constexpr Size kSizes[] = {
    {"deit3_base_patch", 12, 768},
    {"deit3_huge_patch", 16, 1280},
    {"deit3_large_patch", 16, 1024},
    {"deit3_medium_patch", 8, 512},
    {"deit3_small_patch", 6, 384},
    {"deit_base_distilled_patch", 12, 768},
    {"deit_base_patch", 12, 768},
    {"deit_small_distilled_patch", 6, 384},
    {"deit_small_patch", 6, 384},
    {"deit_tiny_distilled_patch", 3, 192},
    {"deit_tiny_patch", 3, 192},
    {"eva_large_patch14_", 16, 1024},
    {"flexivit_base", 12, 768},
    {"flexivit_large", 16, 1024},
    {"flexivit_small", 6, 384},
    {"vit_7b_patch", 32, 4096},
    {"vit_base_patch", 12, 768},
    {"vit_base_patch16_gap_224", 16, 768},  // sixteen heads of 48: not like the other Base models
    {"vit_base_patch16_plus_", 14, 896},
    {"vit_base_patch32_plus_", 14, 896},
    {"vit_betwixt_patch", 10, 640},
    {"vit_giant_patch", 16, 1408},
    {"vit_giant_patch14_dinov2", 24, 1536},
    {"vit_giant_patch14_reg", 24, 1536},
    {"vit_giantopt_patch", 16, 1536},
    {"vit_gigantic_patch", 16, 1664},
    {"vit_huge_patch", 16, 1280},
    {"vit_huge_plus_patch", 20, 1280},
    {"vit_large_patch", 16, 1024},
    {"vit_little_patch", 5, 320},
    {"vit_medium_patch", 8, 512},
    {"vit_mediumd_patch", 8, 512},
    {"vit_small_patch", 6, 384},
    {"vit_small_plus_patch", 6, 384},
    {"vit_so150m2_patch", 13, 832},
    {"vit_so150m_patch", 14, 896},
    {"vit_so400m_patch", 16, 1152},
    {"vit_tiny_patch", 3, 192},
    {"vit_wee_patch", 4, 256},
    {"vit_xsmall_patch", 4, 256},
};

// By what is in a name; all that fit count, the later ones over the earlier.
struct Feature {
  std::string_view part;
  void (*apply)(TimmArchitecture&);
};

void SetMeanPooling(TimmArchitecture& row) { row.pooling = ModelPooling::kMean; }
void SetAttentionPooling(TimmArchitecture& row) { row.pooling = ModelPooling::kAttention; }
void SetTanhGelu(TimmArchitecture& row) { row.activation = Activation::kGeluTanh; }
void SetQuickGelu(TimmArchitecture& row) { row.activation = Activation::kQuickGelu; }
void SetClip(TimmArchitecture& row) {
  row.clip = true;
  row.norm_eps = 1e-5;
}
void SetDinov3(TimmArchitecture& row) {
  row.positions = Positions::kRotary;
  row.norm_eps = 1e-5;
  row.pooling = ModelPooling::kMean;
}
void SetBilinear(TimmArchitecture& row) { row.resampling = PositionResampling::kBilinear; }

constexpr Feature kFeatures[] = {
    {"flexivit_", SetBilinear},
    {"eva_large_", SetMeanPooling},
    {"_clip_", SetClip},
    {"_clip_quickgelu_", SetQuickGelu},
    {"_dinov3", SetDinov3},
    {"_map_", SetAttentionPooling},
    {"_siglip_", SetAttentionPooling},
    {"_gap_", SetMeanPooling},
    {"vit_base_patch32_siglip_", SetTanhGelu},
    {"vit_giantopt_patch16_siglip_", SetTanhGelu},
    {"vit_large_patch16_siglip_512", SetTanhGelu},
    {"vit_large_patch16_siglip_gap_512", SetTanhGelu},
    {"vit_so400m_patch16_siglip_", SetTanhGelu},
};

struct Unsupported {
  std::string_view part;
  std::string_view feature;
};

constexpr Unsupported kUnsupported[] = {
    {"eva02_", "EVA02's blocks (of timm's Eva models, DINOv3 is supported)"},
    {"eva_giant_", "EVA's blocks (of timm's Eva models, DINOv3 is supported)"},
    {"vit_pe_", "the Perception Encoder's rotary positions"},
    {"_rope_", "rotary positions of another kind than DINOv3's"},
    {"_lingbot", "LingBot's blocks"},
    {"_sapiens2", "Sapiens 2's blocks"},
    {"_rpn_", "norms behind attention and MLP"},
    {"_radio_", "features without a final norm"},
    {"beit", "relative position biases (BEiT)"},
};

std::string_view WithoutTag(std::string_view architecture) {
  return architecture.substr(0, architecture.find('.'));
}

bool Has(std::string_view name, std::string_view part) {
  return name.find(part) != std::string_view::npos;
}

}  // namespace

std::optional<TimmArchitecture> FindTimmArchitecture(std::string_view architecture) {
  const std::string_view name = WithoutTag(architecture);
  const Size* best = nullptr;
  for (const Size& row : kSizes) {
    if (!name.starts_with(row.prefix)) continue;
    if (best == nullptr || row.prefix.size() > best->prefix.size()) best = &row;
  }
  if (best == nullptr) return std::nullopt;
  TimmArchitecture found = {.num_heads = best->num_heads, .embed_dim = best->embed_dim};
  for (const Feature& row : kFeatures) {
    if (Has(name, row.part)) row.apply(found);
  }
  return found;
}

std::optional<std::string_view> UnsupportedTimmArchitecture(std::string_view architecture) {
  for (const Unsupported& row : kUnsupported) {
    if (Has(WithoutTag(architecture), row.part)) return row.feature;
  }
  return std::nullopt;
}

std::optional<int> PatchSizeInName(std::string_view architecture) {
  constexpr std::string_view kWord = "_patch";
  const size_t start = architecture.find(kWord);
  if (start == std::string_view::npos) return std::nullopt;
  const std::string_view rest = architecture.substr(start + kWord.size());
  const std::string_view digits = rest.substr(0, rest.find_first_not_of("0123456789"));
  int patch = 0;
  if (!absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &patch))
    return std::nullopt;
  return patch;
}

std::string KnownTimmArchitectures() {
  std::string names;
  for (const Size& row : kSizes) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(row.prefix), "*");
  }
  return names;
}

}  // namespace snapvit
