#include "core/model/hf_processor_classes.h"

#include <algorithm>
#include <iterator>

namespace snapvit {
namespace {

constexpr std::array<float, 3> kHalf = {0.5F, 0.5F, 0.5F};
constexpr std::array<float, 3> kImageNetMean = {0.485F, 0.456F, 0.406F};
constexpr std::array<float, 3> kImageNetStd = {0.229F, 0.224F, 0.225F};
constexpr std::array<float, 3> kClipMean = {0.48145466F, 0.4578275F, 0.40821073F};
constexpr std::array<float, 3> kClipStd = {0.26862954F, 0.26130258F, 0.27577711F};

constexpr HfProcessorClass kClasses[] = {
    {"ViT",
     {"vit", "vit_mae", "vit_msn"},
     Interpolation::kBilinear,
     224,
     /*shortest_edge=*/false,
     /*crop_size=*/std::nullopt,
     /*number_is_square=*/true,
     kHalf,
     kHalf,
     /*float_resize=*/false},
    {"DeiT",
     {"deit"},
     Interpolation::kBicubic,
     256,
     /*shortest_edge=*/false,
     /*crop_size=*/224,
     /*number_is_square=*/true,
     kHalf,
     kHalf,
     /*float_resize=*/false},
    {"Bit",
     {"dinov2", "dinov2_with_registers"},
     Interpolation::kBicubic,
     224,
     /*shortest_edge=*/true,
     /*crop_size=*/224,
     /*number_is_square=*/false,
     kClipMean,
     kClipStd,
     /*float_resize=*/false},
    {"DINOv3ViT",
     {"dinov3_vit"},
     Interpolation::kBilinear,
     224,
     /*shortest_edge=*/false,
     /*crop_size=*/std::nullopt,
     /*number_is_square=*/true,
     kImageNetMean,
     kImageNetStd,
     /*float_resize=*/true},
    {"Siglip",
     {"siglip", "siglip_vision_model"},
     Interpolation::kBicubic,
     224,
     /*shortest_edge=*/false,
     /*crop_size=*/std::nullopt,
     /*number_is_square=*/false,
     kHalf,
     kHalf,
     /*float_resize=*/false},
    {"CLIP",
     {"clip", "clip_vision_model"},
     Interpolation::kBicubic,
     224,
     /*shortest_edge=*/true,
     /*crop_size=*/224,
     /*number_is_square=*/false,
     kClipMean,
     kClipStd,
     /*float_resize=*/false},
};

constexpr std::string_view kSuffixes[] = {"ImageProcessor", "ImageProcessorFast",
                                          "ImageProcessorPil", "FeatureExtractor"};

}  // namespace

const HfProcessorClass* FindHfProcessorClass(std::string_view name) {
  for (const HfProcessorClass& row : kClasses) {
    if (name.substr(0, row.stem.size()) != row.stem) continue;
    const std::string_view suffix = name.substr(row.stem.size());
    if (std::find(std::begin(kSuffixes), std::end(kSuffixes), suffix) != std::end(kSuffixes)) {
      return &row;
    }
  }
  return nullptr;
}

const HfProcessorClass* FindHfProcessorOfModel(std::string_view model_type) {
  if (model_type.empty()) return nullptr;
  for (const HfProcessorClass& row : kClasses) {
    if (std::find(row.model_types.begin(), row.model_types.end(), model_type) !=
        row.model_types.end()) {
      return &row;
    }
  }
  return nullptr;
}

std::string SupportedHfProcessors() {
  std::string names;
  for (const HfProcessorClass& row : kClasses) {
    names += (names.empty() ? "" : ", ") + std::string(row.stem) + "ImageProcessor";
  }
  return names;
}

}  // namespace snapvit
