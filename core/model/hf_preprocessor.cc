#include "core/model/hf_preprocessor.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/hf_processor_classes.h"
#include "core/model/json_document.h"
#include "core/model/json_fields.h"
#include "core/model/model_limits.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

// Read below.
constexpr std::string_view kRead[] = {"image_processor_type",
                                      "feature_extractor_type",
                                      "do_resize",
                                      "size",
                                      "resample",
                                      "do_center_crop",
                                      "crop_size",
                                      "do_rescale",
                                      "rescale_factor",
                                      "do_normalize",
                                      "image_mean",
                                      "image_std",
                                      "default_to_square",
                                      "do_pad",
                                      "use_square_size"};

// Without effect on one RGB image, whatever their value: images are always decoded to RGB, padding
// is refused, labels are of segmentation, and the rest is how transformers calls itself.
constexpr std::string_view kWithoutEffect[] = {"do_convert_rgb",
                                               "pad_size",
                                               "do_reduce_labels",
                                               "processor_class",
                                               "data_format",
                                               "input_data_format",
                                               "device",
                                               "disable_grouping",
                                               "return_tensors",
                                               "image_seq_length",
                                               "_valid_processor_keys",
                                               "_valid_kwargs_names"};

// Pillow's codes.
constexpr Interpolation kResample[] = {Interpolation::kNearest,  Interpolation::kLanczos,
                                       Interpolation::kBilinear, Interpolation::kBicubic,
                                       Interpolation::kBox,      Interpolation::kHamming};

template <size_t n>
bool Contains(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

absl::Status CheckFields(const JsonFields& fields) {
  for (const auto& item : fields.json().items()) {
    if (item.value().is_null() || Contains(kRead, item.key()) ||
        Contains(kWithoutEffect, item.key())) {
      continue;
    }
    std::string known;
    for (const std::string_view name : kRead) known += " " + std::string(name);
    return absl::InvalidArgumentError(
        absl::StrCat(fields.path(), ": \"", item.key(), "\" is ", ShownJson(item.value()),
                     ", which is not supported; supported are", known));
  }
  for (const char* refused : {"do_pad", "use_square_size"}) {
    ASSIGN_OR_RETURN(const std::optional<bool> value, fields.Bool(refused));
    if (value.value_or(false)) return fields.Unexpected(refused, "false");
  }
  return absl::OkStatus();
}

absl::StatusOr<const HfProcessorClass*> ReadClass(const JsonFields& fields,
                                                  const HfPreprocessedModel& model) {
  for (const char* key : {"image_processor_type", "feature_extractor_type"}) {
    ASSIGN_OR_RETURN(const std::optional<std::string> name, fields.String(key));
    if (!name) continue;
    if (const HfProcessorClass* known = FindHfProcessorClass(*name)) return known;
    if (name->rfind("Siglip2", 0) == 0) {
      return fields.Unexpected(
          key,
          "a processor of images of one size: models with a variable number of patches "
          "(NaFlex) are not supported; take a SigLIP 2 model of fixed resolution, such as "
          "siglip2-base-patch16-224, -256, -384 or -512");
    }
    return fields.Unexpected(key, "one of " + SupportedHfProcessors());
  }
  if (const HfProcessorClass* known = FindHfProcessorOfModel(model.model_type)) return known;
  return fields.Unexpected("image_processor_type", "one of " + SupportedHfProcessors());
}

// "size" or "crop_size" as it is written: both edges, or only the shorter one.
struct HfSize {
  ImageSize size;
  bool shortest_edge = false;
};

std::optional<int> Side(const Json& value) {
  if (!value.is_number_integer() || value < 1 || value > kMaxImageSize) return std::nullopt;
  return value.get<int>();
}

std::optional<HfSize> SizeOfNumber(const Json& value, bool number_is_square) {
  const std::optional<int> side = Side(value);
  if (!side) return std::nullopt;
  return HfSize{{*side, *side}, !number_is_square};
}

std::optional<HfSize> SizeOfPair(const Json& height, const Json& width) {
  const std::optional<int> rows = Side(height), columns = Side(width);
  if (!rows || !columns) return std::nullopt;
  return HfSize{{*rows, *columns}, /*shortest_edge=*/false};
}

std::optional<HfSize> SizeOf(const Json& value, bool number_is_square) {
  if (value.is_number()) return SizeOfNumber(value, number_is_square);
  if (value.is_array() && value.size() == 2) return SizeOfPair(value[0], value[1]);
  if (!value.is_object()) return std::nullopt;
  Json given = Json::object();
  for (const auto& item : value.items()) {
    if (!item.value().is_null()) given[item.key()] = item.value();
  }
  if (given.size() == 1 && given.contains("shortest_edge")) {
    return SizeOfNumber(given["shortest_edge"], /*number_is_square=*/false);
  }
  if (given.size() == 2 && given.contains("height") && given.contains("width")) {
    return SizeOfPair(given["height"], given["width"]);
  }
  return std::nullopt;
}

// Nothing if the field is not given.
absl::StatusOr<std::optional<HfSize>> ReadSize(const JsonFields& fields, const std::string& key,
                                               bool number_is_square) {
  if (!fields.Has(key)) return std::nullopt;
  const std::optional<HfSize> size = SizeOf(fields.json()[key], number_is_square);
  if (size) return size;
  return fields.Unexpected(
      key, absl::StrCat("a number, {\"height\", \"width\"} or {\"shortest_edge\"}, from 1 to ",
                        kMaxImageSize));
}

absl::StatusOr<bool> ReadFlag(const JsonFields& fields, const std::string& key, bool otherwise) {
  ASSIGN_OR_RETURN(const std::optional<bool> value, fields.Bool(key));
  return value.value_or(otherwise);
}

absl::Status ReadResize(const JsonFields& fields, const HfProcessorClass& defaults,
                        Preprocessing& preprocessing) {
  ASSIGN_OR_RETURN(const bool do_resize, ReadFlag(fields, "do_resize", true));
  ASSIGN_OR_RETURN(const bool square,
                   ReadFlag(fields, "default_to_square", defaults.number_is_square));
  ASSIGN_OR_RETURN(const std::optional<HfSize> given, ReadSize(fields, "size", square));
  ASSIGN_OR_RETURN(const std::optional<int64_t> resample, fields.Integer("resample", 0, 5));
  preprocessing.interpolation = resample ? kResample[*resample] : defaults.resample;
  if (!do_resize) {
    preprocessing.resize = ResizeMode::kKeep;
    return absl::OkStatus();
  }
  const HfSize size =
      given.value_or(HfSize{{defaults.size, defaults.size}, defaults.shortest_edge});
  preprocessing.resize = size.shortest_edge ? ResizeMode::kCover : ResizeMode::kStretch;
  preprocessing.resize_to = size.size;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ImageSize>> ReadCrop(const JsonFields& fields,
                                                  const HfProcessorClass& defaults) {
  ASSIGN_OR_RETURN(const bool do_center_crop,
                   ReadFlag(fields, "do_center_crop", defaults.crop_size.has_value()));
  ASSIGN_OR_RETURN(const std::optional<HfSize> given,
                   ReadSize(fields, "crop_size", /*number_is_square=*/true));
  if (given && given->shortest_edge) {
    return fields.Unexpected("crop_size", "a number or {\"height\", \"width\"}");
  }
  if (!do_center_crop) return std::nullopt;
  if (given) return given->size;
  if (defaults.crop_size) return ImageSize{*defaults.crop_size, *defaults.crop_size};
  return fields.Unexpected("crop_size",
                           "a number or {\"height\", \"width\"}, as "
                           "\"do_center_crop\" is true");
}

// The model's input is what is cut, else what is scaled to.
absl::Status SetInput(const JsonFields& fields, const std::optional<ImageSize>& crop,
                      const ImageSize& model_input, Preprocessing& preprocessing) {
  ImageSize input = model_input;
  if (crop) {
    input = *crop;
  } else if (preprocessing.resize == ResizeMode::kStretch) {
    input = *preprocessing.resize_to;
  } else if (preprocessing.resize == ResizeMode::kCover) {
    return fields.Unexpected("size",
                             "{\"height\", \"width\"}, as nothing is cut: with the shorter edge "
                             "alone every image has another size");
  } else {
    preprocessing.resize = ResizeMode::kRequireInputSize;
  }
  preprocessing.height = input.height;
  preprocessing.width = input.width;
  return absl::OkStatus();
}

// One number for all channels, or three.
absl::Status ReadChannels(const JsonFields& fields, const std::string& key, double min, double max,
                          std::array<float, 3>& out) {
  if (!fields.Has(key)) return absl::OkStatus();
  if (fields.json()[key].is_number()) {
    ASSIGN_OR_RETURN(const std::optional<double> value, fields.Number(key, min, max));
    out.fill(static_cast<float>(*value));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<std::vector<double>> values,
                   fields.Numbers(key, out.size(), min, max));
  for (size_t i = 0; values && i < out.size(); ++i) out[i] = static_cast<float>((*values)[i]);
  return absl::OkStatus();
}

absl::Status ReadNumbers(const JsonFields& fields, const HfProcessorClass& defaults,
                         Preprocessing& preprocessing) {
  ASSIGN_OR_RETURN(const bool do_rescale, ReadFlag(fields, "do_rescale", true));
  ASSIGN_OR_RETURN(const std::optional<double> factor, fields.Number("rescale_factor", 1e-9, 1e9));
  preprocessing.rescale = do_rescale ? factor.value_or(preprocessing.rescale) : 1.0;
  ASSIGN_OR_RETURN(const bool do_normalize, ReadFlag(fields, "do_normalize", true));
  preprocessing.mean = defaults.mean;
  preprocessing.std = defaults.std;
  RETURN_IF_ERROR(ReadChannels(fields, "image_mean", -1000, 1000, preprocessing.mean));
  RETURN_IF_ERROR(ReadChannels(fields, "image_std", 1e-6, 1000, preprocessing.std));
  if (!do_normalize) {
    preprocessing.mean = {0, 0, 0};
    preprocessing.std = {1, 1, 1};
  }
  return absl::OkStatus();
}

// Of the processor that scales floats: what of it is defined.
absl::Status CheckFloatResize(const JsonFields& fields, const Preprocessing& preprocessing) {
  if (preprocessing.interpolation != Interpolation::kBilinear &&
      preprocessing.interpolation != Interpolation::kBicubic) {
    return fields.Unexpected("resample", "2 (bilinear) or 3 (bicubic), which can scale floats");
  }
  ASSIGN_OR_RETURN(const bool do_rescale, ReadFlag(fields, "do_rescale", true));
  if (!do_rescale) return fields.Unexpected("do_rescale", "true, as this processor scales floats");
  return absl::OkStatus();
}

absl::StatusOr<Preprocessing> ReadFields(const JsonFields& fields,
                                         const HfPreprocessedModel& model) {
  ASSIGN_OR_RETURN(const HfProcessorClass* defaults, ReadClass(fields, model));
  RETURN_IF_ERROR(CheckFields(fields));
  Preprocessing preprocessing;
  RETURN_IF_ERROR(ReadResize(fields, *defaults, preprocessing));
  ASSIGN_OR_RETURN(const std::optional<ImageSize> crop, ReadCrop(fields, *defaults));
  RETURN_IF_ERROR(SetInput(fields, crop, model.input, preprocessing));
  RETURN_IF_ERROR(ReadNumbers(fields, *defaults, preprocessing));
  preprocessing.centering = Centering::kTransformersPil;
  if (defaults->float_resize) {
    RETURN_IF_ERROR(CheckFloatResize(fields, preprocessing));
    preprocessing.float_resize = true;
    preprocessing.centering = Centering::kTransformersTorch;
  }
  return preprocessing;
}

}  // namespace

absl::StatusOr<Preprocessing> ReadHfPreprocessor(std::string_view text, const std::string& path,
                                                 const HfPreprocessedModel& model) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, path));
  ASSIGN_OR_RETURN(const JsonFields root, JsonFields::Of(json, path));
  ASSIGN_OR_RETURN(const std::optional<JsonFields> nested, root.Object("image_processor"));
  return ReadFields(nested ? *nested : root, model);
}

}  // namespace snapvit
