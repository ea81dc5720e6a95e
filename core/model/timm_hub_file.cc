#include "core/model/timm_hub_file.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/json_document.h"
#include "core/model/json_fields.h"
#include "core/model/model_limits.h"
#include "core/model/timm_architectures.h"
#include "core/model/timm_model_args.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

// Fields of the file, of both forms.
constexpr std::string_view kRootFields[] = {"architecture", "num_classes",        "num_features",
                                            "global_pool",  "model_args",         "label_names",
                                            "labels",       "label_descriptions", "pretrained_cfg"};

// Fields of pretrained_cfg, which old files have beside those above: timm's PretrainedCfg. What
// ParseTimmHubFile does not read is about the file, or for training and other input sizes.
constexpr std::string_view kCfgFields[] = {"architecture",
                                           "classifier",
                                           "crop_mode",
                                           "crop_pct",
                                           "custom_load",
                                           "description",
                                           "file",
                                           "first_conv",
                                           "fixed_input_size",
                                           "hf_hub_filename",
                                           "hf_hub_id",
                                           "input_size",
                                           "interpolation",
                                           "label_descriptions",
                                           "label_names",
                                           "label_offset",
                                           "labels",
                                           "license",
                                           "mean",
                                           "min_input_size",
                                           "notes",
                                           "num_classes",
                                           "origin_url",
                                           "paper_ids",
                                           "paper_name",
                                           "pool_size",
                                           "source",
                                           "std",
                                           "tag",
                                           "test_crop_pct",
                                           "test_input_size",
                                           "test_pool_size",
                                           "url"};

bool IsIn(std::span<const std::string_view> fields, std::string_view field) {
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

// `old`: the object is the whole file, without pretrained_cfg.
absl::Status CheckFields(const JsonFields& object, std::span<const std::string_view> known,
                         bool old) {
  for (const auto& item : object.json().items()) {
    if (item.value().is_null() || IsIn(known, item.key())) continue;
    if (old && IsIn(kCfgFields, item.key())) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(object.path(), ": \"", item.key(), "\" = ", ShownJson(item.value()),
                     " is not supported: what it changes is not known"));
  }
  return absl::OkStatus();
}

// timm would cut so many classes off the head when it loads the file.
absl::Status CheckLabelOffset(const JsonFields& cfg) {
  if (!cfg.Has("label_offset") || cfg.json()["label_offset"] == 0) return absl::OkStatus();
  return cfg.Unexpected("label_offset", "0: a head whose classes are those that are served");
}

absl::Status ReadInputSize(const JsonFields& cfg, TimmHubFile& file) {
  if (!cfg.Has("input_size")) return absl::OkStatus();
  const Json& size = cfg.json()["input_size"];
  const std::string expected = absl::StrCat("[3, height, width] from 1 to ", kMaxImageSize);
  if (!size.is_array() || size.size() != 3 || size[0] != 3)
    return cfg.Unexpected("input_size", expected);
  for (const size_t i : {1, 2}) {
    if (!size[i].is_number_unsigned() || size[i].get<uint64_t>() < 1 ||
        size[i].get<uint64_t>() > static_cast<uint64_t>(kMaxImageSize)) {
      return cfg.Unexpected("input_size", expected);
    }
  }
  file.input_size = {size[1].get<int>(), size[2].get<int>()};
  return absl::OkStatus();
}

absl::Status AddLabel(const JsonFields& fields, const std::string& key, const Json& name,
                      size_t index, std::vector<std::string>& labels) {
  if (!name.is_string() || index >= static_cast<size_t>(kMaxExtent)) {
    return fields.Unexpected(key, "a list of strings, or {class index: string}");
  }
  if (labels.size() <= index) labels.resize(index + 1);
  labels[index] = name.get<std::string>();
  return absl::OkStatus();
}

// A list, or an object from class index to name where there are gaps (which get empty names).
absl::Status ReadLabels(const JsonFields& fields, const std::string& key, TimmHubFile& file) {
  if (!fields.Has(key) || !file.labels.empty()) return absl::OkStatus();
  const Json& names = fields.json()[key];
  if (names.is_array()) {
    for (const Json& name : names) {
      RETURN_IF_ERROR(AddLabel(fields, key, name, file.labels.size(), file.labels));
    }
    return absl::OkStatus();
  }
  if (!names.is_object()) return AddLabel(fields, key, Json(nullptr), 0, file.labels);
  for (const auto& item : names.items()) {
    uint32_t index = 0;
    if (!absl::SimpleAtoi(item.key(), &index))
      return AddLabel(fields, key, Json(nullptr), 0, file.labels);
    RETURN_IF_ERROR(AddLabel(fields, key, item.value(), index, file.labels));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadTag(const JsonFields& cfg, const std::string& architecture) {
  ASSIGN_OR_RETURN(const std::optional<std::string> tag, cfg.String("tag"));
  if (tag) return *tag;
  const size_t dot = architecture.find('.');
  return dot == std::string::npos ? "" : architecture.substr(dot + 1);
}

absl::Status ReadClasses(const JsonFields& fields, TimmHubFile& file) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> classes,
                   fields.Integer("num_classes", -1, kMaxExtent));
  if (classes && *classes >= 0 && !file.num_classes) file.num_classes = static_cast<int>(*classes);
  RETURN_IF_ERROR(ReadLabels(fields, "label_names", file));
  return ReadLabels(fields, "labels", file);  // the name that timm has deprecated
}

}  // namespace

absl::StatusOr<TimmHubFile> ParseTimmHubFile(std::string_view text, const std::string& path) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, path));
  ASSIGN_OR_RETURN(const JsonFields root, JsonFields::Of(json, path));
  TimmHubFile file;
  ASSIGN_OR_RETURN(const std::optional<std::string> architecture, root.String("architecture"));
  if (!architecture || architecture->empty()) {
    return root.Unexpected("architecture", "a timm model's name, e.g. \"vit_base_patch16_224\"");
  }
  file.architecture = *architecture;
  ASSIGN_OR_RETURN(file.pooling, ReadTimmPooling(root, "global_pool"));
  ASSIGN_OR_RETURN(const std::optional<JsonFields> args, root.Object("model_args"));
  if (args) {
    const auto known = FindTimmArchitecture(file.architecture);
    const Positions positions = known ? known->positions : Positions::kLearned;
    ASSIGN_OR_RETURN(file.args, ReadTimmModelArgs(*args, positions));
  }
  ASSIGN_OR_RETURN(const std::optional<JsonFields> nested, root.Object("pretrained_cfg"));
  RETURN_IF_ERROR(ReadClasses(root, file));
  if (nested) RETURN_IF_ERROR(ReadClasses(*nested, file));
  const JsonFields& cfg = nested ? *nested : root;
  RETURN_IF_ERROR(CheckFields(root, kRootFields, /*old=*/!nested));
  if (nested) RETURN_IF_ERROR(CheckFields(cfg, kCfgFields, /*old=*/false));
  RETURN_IF_ERROR(CheckLabelOffset(cfg));
  ASSIGN_OR_RETURN(file.preprocessing, ReadTimmPreprocessing(cfg));
  RETURN_IF_ERROR(ReadInputSize(cfg, file));
  ASSIGN_OR_RETURN(file.tag, ReadTag(cfg, file.architecture));
  return file;
}

}  // namespace snapvit
