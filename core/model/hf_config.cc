#include "core/model/hf_config.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/hf_families.h"
#include "core/model/hf_labels.h"
#include "core/model/json_document.h"
#include "core/model/json_fields.h"
#include "core/model/model_limits.h"
#include "core/model/tensor_shapes.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

// Fields that ReadHfConfig reads.
constexpr std::string_view kRead[] = {"head_dim",
                                      "hidden_act",
                                      "hidden_size",
                                      "image_size",
                                      "intermediate_size",
                                      "key_bias",
                                      "layer_norm_eps",
                                      "mlp_bias",
                                      "mlp_ratio",
                                      "num_attention_heads",
                                      "num_channels",
                                      "num_hidden_layers",
                                      "num_register_tokens",
                                      "patch_size",
                                      "proj_bias",
                                      "pruned_heads",
                                      "qkv_bias",
                                      "query_bias",
                                      "rope_theta",
                                      "use_gated_mlp",
                                      "use_swiglu_ffn",
                                      "value_bias",
                                      "vision_config",
                                      "vision_config_dict",
                                      "vision_use_head"};

absl::Status CheckKnown(const JsonFields& fields) {
  for (const auto& item : fields.json().items()) {
    if (item.value().is_null() || IsHarmlessHfField(item.key())) continue;
    if (std::find(std::begin(kRead), std::end(kRead), item.key()) != std::end(kRead)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(fields.path(), ": \"", item.key(), "\" = ", ShownJson(item.value()),
                     " is not supported: what it changes is not known"));
  }
  return absl::OkStatus();
}

// What is being brought together. `vision` is `root` for a model of images alone.
struct Sources {
  const HfFamily& family;
  const JsonFields& root;
  const JsonFields& vision;
  const CheckpointIndex& index;
  const TensorMap& tensors;
  const TensorShapes& shapes;
};

std::string Shown(int64_t value) { return absl::StrCat(value); }
std::string Shown(bool value) { return value ? "true" : "false"; }

// A field that the tensors tell, too: `slot` names the one that does.
template <typename T>
absl::Status CheckField(const Sources& from, const std::string& field, T configured, T actual,
                        const SlotKey& slot) {
  if (configured == actual) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      from.vision.path(), ": \"", field, "\" is ", Shown(configured),
      from.vision.Has(field) ? "" : " (not given: the default)", ", but ", from.index.path, " has ",
      Shown(actual), " (by ", from.tensors.NameOf(slot), ")"));
}

absl::Status CheckInteger(const Sources& from, const std::string& field, int64_t fallback,
                          int64_t actual, Slot slot) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> value, from.vision.Integer(field, 0, kMaxExtent));
  return CheckField(from, field, value.value_or(fallback), actual, {slot, false, 0});
}

absl::Status CheckBool(const Sources& from, const std::string& field, bool fallback, bool actual,
                       const SlotKey& slot) {
  ASSIGN_OR_RETURN(const std::optional<bool> value, from.vision.Bool(field));
  return CheckField(from, field, value.value_or(fallback), actual, slot);
}

absl::Status CheckPatch(const Sources& from) {
  ASSIGN_OR_RETURN(const auto size, from.vision.Size("patch_size", 1, kMaxPatchSize));
  if (size && size->first != size->second) {
    return from.vision.Unexpected("patch_size", "square patches");
  }
  return CheckField<int64_t>(from, "patch_size", size ? size->first : from.family.patch_size,
                             from.shapes.config.patch_size, {Slot::kPatch, false, 0});
}

// DINOv2 gives a ratio instead of a width, and a gate takes a third off it.
absl::Status CheckHidden(const Sources& from) {
  const VitConfig& model = from.shapes.config;
  const bool by_ratio = from.family.intermediate_size == 0;
  const char* gate_field = by_ratio ? "use_swiglu_ffn" : "use_gated_mlp";
  RETURN_IF_ERROR(
      CheckBool(from, gate_field, false, model.block.gated_mlp, {Slot::kGate, false, 0}));
  if (!by_ratio) {
    return CheckInteger(from, "intermediate_size", from.family.intermediate_size, model.mlp_hidden,
                        Slot::kFc1);
  }
  ASSIGN_OR_RETURN(const std::optional<double> ratio, from.vision.Number("mlp_ratio", 0, 1024));
  int64_t hidden = static_cast<int64_t>(model.embed_dim * ratio.value_or(4));
  if (model.block.gated_mlp) hidden = (static_cast<int64_t>(hidden * 2.0 / 3) + 7) / 8 * 8;
  return CheckField<int64_t>(from, "mlp_ratio", hidden, model.mlp_hidden, {Slot::kFc1, false, 0});
}

absl::Status CheckBiases(const Sources& from) {
  const BlockFeatures& block = from.shapes.config.block;
  const SlotKey query = {Slot::kQuery, true, 0}, key = {Slot::kKey, true, 0},
                value = {Slot::kValue, true, 0};
  if (from.family.positions == Positions::kRotary) {
    RETURN_IF_ERROR(CheckBool(from, "query_bias", true, block.query_bias, query));
    RETURN_IF_ERROR(CheckBool(from, "key_bias", from.family.key_bias, block.key_bias, key));
    RETURN_IF_ERROR(CheckBool(from, "value_bias", true, block.value_bias, value));
    const auto has = [&](Slot slot) { return from.tensors.Has(slot, /*bias=*/true); };
    RETURN_IF_ERROR(CheckBool(from, "proj_bias", true, has(Slot::kProj), {Slot::kProj, true, 0}));
    return CheckBool(from, "mlp_bias", true, has(Slot::kFc1), {Slot::kFc1, true, 0});
  }
  RETURN_IF_ERROR(CheckBool(from, "qkv_bias", true, block.query_bias, query));
  RETURN_IF_ERROR(CheckBool(from, "qkv_bias", true, block.key_bias, key));
  return CheckBool(from, "qkv_bias", true, block.value_bias, value);
}

// Of CLIP: the whole model's, or that of a vision tower with projection.
absl::Status CheckProjection(const Sources& from) {
  if (from.shapes.config.projection_dim == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<int64_t> width,
                   from.root.Integer("projection_dim", 1, kMaxExtent));
  return CheckField<int64_t>(from, "projection_dim", width.value_or(512),
                             from.shapes.config.projection_dim, {Slot::kProjection, false, 0});
}

// That what a family always has is there, and what it never has is not.
absl::Status CheckFamilyTensors(const Sources& from) {
  const VitConfig& model = from.shapes.config;
  const struct {
    bool expected, actual;
    Slot slot;
  } checks[] = {
      {from.family.class_token, model.class_token, Slot::kClassToken},
      {from.family.distillation_token, model.distillation_token, Slot::kDistillationToken},
      {from.family.layer_scale, model.block.layer_scale, Slot::kScale1},
      {from.family.norm_before, model.norm_before, Slot::kNormBefore},
      {from.family.positions == Positions::kLearned, model.positions == Positions::kLearned,
       Slot::kPositions},
  };
  for (const auto& check : checks) {
    if (check.expected == check.actual) continue;
    return TensorError(
        from.index, from.tensors.NameOf({check.slot, false, 0}),
        absl::StrCat(check.expected ? "is missing" : "is not expected", " for model_type \"",
                     std::string(from.family.model_type), "\""));
  }
  return absl::OkStatus();
}

absl::Status CheckConfig(const Sources& from) {
  const VitConfig& model = from.shapes.config;
  const HfFamily& family = from.family;
  RETURN_IF_ERROR(CheckFamilyTensors(from));
  ASSIGN_OR_RETURN(const std::optional<int64_t> channels,
                   from.vision.Integer("num_channels", 1, kMaxExtent));
  if (channels.value_or(3) != 3) return from.vision.Unexpected("num_channels", "3");
  ASSIGN_OR_RETURN(const std::optional<JsonFields> pruned, from.vision.Object("pruned_heads"));
  if (pruned && !pruned->json().empty()) {
    return from.vision.Unexpected("pruned_heads", "{} (pruned heads are not supported)");
  }
  RETURN_IF_ERROR(
      CheckInteger(from, "hidden_size", family.hidden_size, model.embed_dim, Slot::kPatch));
  RETURN_IF_ERROR(CheckInteger(from, "num_hidden_layers", 12, model.depth, Slot::kNorm1));
  RETURN_IF_ERROR(CheckInteger(from, "num_register_tokens", family.num_register_tokens,
                               model.register_tokens, Slot::kRegisterTokens));
  if (!family.class_token) {  // SigLIP
    RETURN_IF_ERROR(CheckBool(from, "vision_use_head", true,
                              model.pooling == ModelPooling::kAttention,
                              {Slot::kLatent, false, 0}));
  }
  RETURN_IF_ERROR(CheckPatch(from));
  RETURN_IF_ERROR(CheckHidden(from));
  RETURN_IF_ERROR(CheckBiases(from));
  return CheckProjection(from);
}

absl::StatusOr<int> Heads(const Sources& from) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> heads,
                   from.vision.Integer("num_attention_heads", 1, kMaxExtent));
  const int count = static_cast<int>(heads.value_or(from.family.num_attention_heads));
  const int width = from.shapes.config.embed_dim;
  if (width % count != 0) {
    return absl::InvalidArgumentError(absl::StrCat(from.vision.path(), ": \"num_attention_heads\" ",
                                                   count, " does not divide the width ", width,
                                                   " of ", from.index.path));
  }
  ASSIGN_OR_RETURN(const std::optional<int64_t> head_dim,
                   from.vision.Integer("head_dim", 1, kMaxExtent));
  if (head_dim && *head_dim != width / count) {
    return from.vision.Unexpected(
        "head_dim", absl::StrCat(width / count, ", the width ", width, " by ", count, " heads"));
  }
  return count;
}

absl::StatusOr<Activation> ActivationOf(const Sources& from) {
  // DINOv2's gate does not ask the configuration.
  const bool dinov2_gate = from.family.intermediate_size == 0 && from.shapes.config.block.gated_mlp;
  if (dinov2_gate) return Activation::kSilu;
  ASSIGN_OR_RETURN(const std::optional<std::string> given, from.vision.String("hidden_act"));
  const std::string name = given.value_or(std::string(from.family.hidden_act));
  if (name == "gelu" || name == "gelu_python") return Activation::kGelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast") {
    return Activation::kGeluTanh;
  }
  if (name == "quick_gelu") return Activation::kQuickGelu;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  return from.vision.Unexpected(
      "hidden_act",
      "\"gelu\", \"gelu_pytorch_tanh\", \"gelu_new\", \"gelu_fast\", \"quick_gelu\" or "
      "\"silu\"");
}

ModelPooling PoolingOf(const Sources& from) {
  if (from.family.distillation_token) return ModelPooling::kClassAndDistillation;
  if (from.family.class_token) return ModelPooling::kClassToken;
  return from.shapes.config.pooling == ModelPooling::kAttention ? ModelPooling::kAttention
                                                                : ModelPooling::kMean;
}

absl::StatusOr<std::pair<int, int>> ConfiguredImageSize(const JsonFields& vision,
                                                        const HfFamily& family) {
  ASSIGN_OR_RETURN(const auto size, vision.Size("image_size", 1, kMaxImageSize));
  return size.value_or(std::pair(family.image_size, family.image_size));
}

absl::StatusOr<VitConfig> Merge(const Sources& from, const Preprocessing& preprocessing) {
  RETURN_IF_ERROR(CheckConfig(from));
  VitConfig model = from.shapes.config;
  model.architecture = std::string(from.family.model_type);
  ASSIGN_OR_RETURN(model.num_heads, Heads(from));
  model.head_dim = model.embed_dim / model.num_heads;
  ASSIGN_OR_RETURN(model.block.activation, ActivationOf(from));
  ASSIGN_OR_RETURN(const std::optional<double> eps, from.vision.Number("layer_norm_eps", 0, 1));
  model.block.norm_eps = eps.value_or(from.family.layer_norm_eps);
  ASSIGN_OR_RETURN(const std::optional<double> theta, from.vision.Number("rope_theta", 1e-3, 1e9));
  model.rope_theta = theta.value_or(model.rope_theta);
  model.pooling = PoolingOf(from);
  if (model.classifier_input == ClassifierInput::kPooled) {
    model.classifier_input = from.family.classifier_input;
  }
  ASSIGN_OR_RETURN(const auto configured, ConfiguredImageSize(from.vision, from.family));
  const bool prepared = preprocessing.height > 0 && preprocessing.width > 0;
  model.image_height = prepared ? preprocessing.height : configured.first;
  model.image_width = prepared ? preprocessing.width : configured.second;
  if (model.patches() < 1) {
    return absl::InvalidArgumentError(absl::StrCat(from.vision.path(), ": images of ",
                                                   model.image_height, "x", model.image_width,
                                                   " have no patch of ", model.patch_size));
  }
  return model;
}

// transformers stores a position for each token of the prefix but registers. To resample them, it
// takes the patches for a square.
absl::StatusOr<StoredPositions> PositionsOf(const Sources& from, const VitConfig& model) {
  const int prefix = (model.class_token ? 1 : 0) + (model.distillation_token ? 1 : 0);
  ASSIGN_OR_RETURN(const auto image, ConfiguredImageSize(from.vision, from.family));
  const PatchGrid grid = {image.first / model.patch_size, image.second / model.patch_size};
  const SlotKey key = {Slot::kPositions, false, 0};
  if (from.shapes.position_rows != grid.height * grid.width + prefix) {
    return TensorError(from.index, from.tensors.NameOf(key),
                       absl::StrCat("has ", from.shapes.position_rows, " positions, expected ",
                                    grid.height * grid.width + prefix, " by \"image_size\" ",
                                    image.first, "x", image.second, " of ", from.vision.path()));
  }
  const bool as_stored = grid.height == model.grid_height() && grid.width == model.grid_width();
  if (!as_stored && grid.height != grid.width) {
    return TensorError(
        from.index, from.tensors.NameOf(key),
        absl::StrCat("is for ", grid.height, "x", grid.width,
                     " patches, and only those of a square can be resampled to the ",
                     model.grid_height(), "x", model.grid_width(), " of preprocessor_config.json"));
  }
  return StoredPositions{.prefix_rows = prefix,
                         .grid_height = grid.height,
                         .grid_width = grid.width,
                         .resampling = from.family.resampling};
}

absl::StatusOr<const HfFamily*> FamilyOf(const JsonFields& root) {
  ASSIGN_OR_RETURN(const std::optional<std::string> type, root.String("model_type"));
  const HfFamily* family = type ? FindHfFamily(*type) : nullptr;
  if (family == nullptr) {
    const bool naflex = type && type->starts_with("siglip2");
    return root.Unexpected(
        "model_type",
        absl::StrCat(naflex
                         ? "SigLIP 2 of a fixed resolution, which is model_type \"siglip\" (NaFlex "
                           "is not supported), or another "
                         : "",
                     "one of ", KnownHfModelTypes()));
  }
  return family;
}

// Where the fields of the vision tower are. An old CLIP config repeats them as vision_config_dict,
// which counts, with the class's defaults for what it leaves out.
absl::StatusOr<JsonFields> VisionFields(const JsonFields& root, const HfFamily& family) {
  if (family.nested.empty()) return root;
  ASSIGN_OR_RETURN(const std::optional<JsonFields> dict, root.Object("vision_config_dict"));
  if (dict) return *dict;
  ASSIGN_OR_RETURN(const std::optional<JsonFields> nested, root.Object(std::string(family.nested)));
  if (!nested) return root.Unexpected(std::string(family.nested), "an object");
  ASSIGN_OR_RETURN(const std::optional<std::string> type, nested->String("model_type"));
  if (type && *type != family.nested_type) {
    return nested->Unexpected("model_type",
                              absl::StrCat("\"", std::string(family.nested_type), "\""));
  }
  return *nested;
}

}  // namespace

absl::StatusOr<HfInput> ReadHfInput(std::string_view text, const std::string& path) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, path));
  ASSIGN_OR_RETURN(const JsonFields root, JsonFields::Of(json, path));
  ASSIGN_OR_RETURN(const HfFamily* family, FamilyOf(root));
  ASSIGN_OR_RETURN(const JsonFields vision, VisionFields(root, *family));
  ASSIGN_OR_RETURN(const auto size, ConfiguredImageSize(vision, *family));
  return HfInput{std::string(family->model_type), size.first, size.second};
}

absl::StatusOr<CheckpointConfig> ReadHfConfig(std::string_view text, const CheckpointIndex& index,
                                              const std::string& path,
                                              const Preprocessing& preprocessing) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(text, path));
  ASSIGN_OR_RETURN(const JsonFields root, JsonFields::Of(json, path));
  ASSIGN_OR_RETURN(const HfFamily* family, FamilyOf(root));
  ASSIGN_OR_RETURN(const JsonFields vision, VisionFields(root, *family));
  RETURN_IF_ERROR(CheckKnown(root));
  RETURN_IF_ERROR(CheckKnown(vision));
  ASSIGN_OR_RETURN(TensorMap tensors, TensorMap::Of(index, *family->layout));
  ASSIGN_OR_RETURN(const TensorShapes shapes, ReadTensorShapes(index, tensors));
  const Sources from = {*family, root, vision, index, tensors, shapes};
  ASSIGN_OR_RETURN(const VitConfig model, Merge(from, preprocessing));
  CheckpointConfig config{.model = model,
                          .preprocessing = preprocessing,
                          .labels = {},
                          .positions = {},
                          .tensors = tensors};
  if (model.positions == Positions::kLearned) {
    ASSIGN_OR_RETURN(config.positions, PositionsOf(from, model));
  }
  RETURN_IF_ERROR(CheckTensors(index, tensors, *family->layout, model, shapes.position_rows));
  ASSIGN_OR_RETURN(config.labels, ReadHfLabels(root, model.num_classes));
  config.preprocessing.height = model.image_height;
  config.preprocessing.width = model.image_width;
  return config;
}

}  // namespace snapvit
