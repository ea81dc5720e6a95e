#include "core/model/timm_preprocessing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status_macros.h"

namespace snapvit {
namespace {

template <typename Enum>
struct Named {
  std::string_view name;
  Enum value;
};

constexpr Named<Interpolation> kInterpolations[] = {
    {"bilinear", Interpolation::kBilinear}, {"bicubic", Interpolation::kBicubic},
    {"lanczos", Interpolation::kLanczos},   {"nearest", Interpolation::kNearest},
    {"box", Interpolation::kBox},           {"hamming", Interpolation::kHamming}};

constexpr Named<TimmCropMode> kCropModes[] = {{"center", TimmCropMode::kCenter},
                                              {"squash", TimmCropMode::kSquash},
                                              {"border", TimmCropMode::kBorder}};

// `value` stays as it is if the field is not given.
template <typename Enum, size_t n>
absl::Status ReadNamed(const JsonFields& cfg, const std::string& key, const Named<Enum> (&known)[n],
                       Enum& value) {
  ASSIGN_OR_RETURN(const std::optional<std::string> name, cfg.String(key));
  if (!name) return absl::OkStatus();
  std::string expected = "one of";
  for (const Named<Enum>& row : known) {
    if (row.name == *name) {
      value = row.value;
      return absl::OkStatus();
    }
    expected += " \"" + std::string(row.name) + "\"";
  }
  return cfg.Unexpected(key, expected);
}

absl::Status ReadChannels(const JsonFields& cfg, const std::string& key, double min, double max,
                          std::array<double, 3>& out) {
  ASSIGN_OR_RETURN(const std::optional<std::vector<double>> values,
                   cfg.Numbers(key, out.size(), min, max));
  if (values) std::copy_n(values->begin(), out.size(), out.begin());
  return absl::OkStatus();
}

ResizeMode ResizeModeOf(TimmCropMode mode) {
  switch (mode) {
    case TimmCropMode::kSquash:
      return ResizeMode::kStretch;
    case TimmCropMode::kBorder:
      return ResizeMode::kFit;
    case TimmCropMode::kCenter:
      break;
  }
  return ResizeMode::kCover;
}

}  // namespace

Preprocessing TimmPreprocessing::For(int height, int width) const {
  Preprocessing preprocessing;
  preprocessing.height = height;
  preprocessing.width = width;
  preprocessing.resize = ResizeModeOf(crop_mode);
  preprocessing.resize_to = ImageSize{static_cast<int>(std::floor(height / crop_pct)),
                                      static_cast<int>(std::floor(width / crop_pct))};
  preprocessing.interpolation = interpolation;
  for (size_t c = 0; c < 3; ++c) {
    preprocessing.mean[c] = static_cast<float>(mean[c]);
    preprocessing.std[c] = static_cast<float>(std[c]);
    if (crop_mode != TimmCropMode::kBorder) continue;
    // Python's round(): half to even.
    preprocessing.fill[c] =
        static_cast<uint8_t>(std::clamp(std::nearbyint(255 * mean[c]), 0.0, 255.0));
  }
  return preprocessing;
}

absl::StatusOr<TimmPreprocessing> ReadTimmPreprocessing(const JsonFields& cfg) {
  TimmPreprocessing timm;
  RETURN_IF_ERROR(ReadNamed(cfg, "interpolation", kInterpolations, timm.interpolation));
  RETURN_IF_ERROR(ReadNamed(cfg, "crop_mode", kCropModes, timm.crop_mode));
  ASSIGN_OR_RETURN(const std::optional<double> crop_pct, cfg.Number("crop_pct", 0.01, 2));
  timm.crop_pct = crop_pct.value_or(timm.crop_pct);
  RETURN_IF_ERROR(ReadChannels(cfg, "mean", -1000, 1000, timm.mean));
  RETURN_IF_ERROR(ReadChannels(cfg, "std", 1e-6, 1000, timm.std));
  return timm;
}

}  // namespace snapvit
