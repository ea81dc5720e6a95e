#include "core/model/timm_architectures.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace snapvit {
namespace {

constexpr TimmArchitecture kArchitectures[] = {
    {"deit_base_patch", 12, 768},
    {"deit_small_patch", 6, 384},
    {"deit_tiny_patch", 3, 192},
    {"eva_large_patch14_", 16, 1024},
    {"flexivit_base", 12, 768},
    {"flexivit_large", 16, 1024},
    {"flexivit_small", 6, 384},
    {"vit_base_patch", 12, 768},
    {"vit_base_patch16_gap_224", 16, 768},  // sixteen heads of 48: not like the other Base models
    {"vit_giant_patch", 16, 1408},
    {"vit_gigantic_patch", 16, 1664},
    {"vit_huge_patch", 16, 1280},
    {"vit_large_patch", 16, 1024},
    {"vit_small_patch", 6, 384},
    {"vit_so400m_patch14_siglip_gap_", 16, 1152},
    {"vit_tiny_patch", 3, 192},
};

struct Unsupported {
  std::string_view prefix;
  std::string_view feature;
};

constexpr std::string_view kTanhGelu = "the tanh approximation of GELU";

constexpr Unsupported kUnsupported[] = {
    {"vit_base_patch32_siglip_", kTanhGelu},     {"vit_giantopt_patch16_siglip_", kTanhGelu},
    {"vit_large_patch16_siglip_512", kTanhGelu}, {"vit_large_patch16_siglip_gap_512", kTanhGelu},
    {"vit_so400m_patch16_siglip_", kTanhGelu},
};

std::string_view WithoutTag(std::string_view architecture) {
  return architecture.substr(0, architecture.find('.'));
}

}  // namespace

const TimmArchitecture* FindTimmArchitecture(std::string_view architecture) {
  const TimmArchitecture* best = nullptr;
  for (const TimmArchitecture& row : kArchitectures) {
    if (!WithoutTag(architecture).starts_with(row.name)) continue;
    if (best == nullptr || row.name.size() > best->name.size()) best = &row;
  }
  return best;
}

std::optional<std::string_view> UnsupportedTimmArchitecture(std::string_view architecture) {
  for (const Unsupported& row : kUnsupported) {
    if (WithoutTag(architecture).starts_with(row.prefix)) return row.feature;
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
  for (const TimmArchitecture& row : kArchitectures) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(row.name), "*");
  }
  return names;
}

}  // namespace snapvit
