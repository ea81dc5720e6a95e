#include "core/model/timm_model_args.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/model_limits.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

// Read by ReadTimmModelArgs. Two names of one thing: VisionTransformer's and Eva's.
constexpr std::string_view kRead[] = {
    "img_size",    "patch_size",       "embed_dim",      "depth",
    "num_heads",   "num_classes",      "mlp_ratio",      "qkv_bias",
    "class_token", "init_values",      "no_embed_class", "qk_norm",
    "global_pool", "rope_temperature", "reg_tokens",     "num_reg_tokens",
    "fc_norm",     "use_fc_norm",      "pre_norm",       "act_layer"};

// Without effect on a trained model, or told by its tensors.
constexpr std::string_view kWithoutEffect[] = {
    "drop_rate",         "pos_drop_rate",      "patch_drop_rate",     "proj_drop_rate",
    "attn_drop_rate",    "drop_path_rate",     "weight_init",         "fix_init",
    "dynamic_img_size",  "strict_img_size",    "pretrained_strict",   "head_init_scale",
    "rope_shift_coords", "rope_jitter_coords", "rope_rescale_coords", "swiglu_mlp",
    "swiglu_align_to",   "qkv_fused"};

// Arguments that may only be absent, null, or have the value (JSON) that a supported model has.
struct FixedArg {
  std::string_view name;
  std::string_view value;
  std::string_view feature;  // what another value would mean
};

constexpr FixedArg kFixed[] = {
    {"in_chans", "3", "input of other than three channels"},
    {"scale_attn_norm", "false", "a norm inside the attention"},
    {"scale_mlp_norm", "false", "a norm inside the MLP"},
    {"proj_bias", "true", "projections without bias"},
    {"pos_embed", "\"learn\"", "other than learned position embeddings"},
    {"final_norm", "true", "models without a final norm"},
    {"pool_include_prefix", "false", "pooling over prefix tokens"},
    {"dynamic_img_pad", "false", "padding to whole patches"},
    {"norm_layer", "\"layernorm\"", "another norm"},
    {"embed_norm_layer", "null", "a norm after the patch embedding"},
    {"use_naflex", "false", "NaFlex input"},
    {"scale_mlp", "false", "a norm inside the MLP"},
    {"scale_attn_inner", "false", "a norm inside the attention"},
    {"attn_type", "\"eva\"", "another attention"},
    {"num_kv_heads", "null", "grouped queries"},
    {"use_post_norm", "false", "norms after attention and MLP"},
    {"use_pre_transformer_norm", "false", "a norm before the blocks beside rotary positions"},
    {"use_post_transformer_norm", "null", "other final norms"},
    {"attn_only_layer_scale", "false", "LayerScale of the attention alone"},
    {"rope_grid_offset", "0.0", "rotary positions of another grid"},
    {"rope_grid_indexing", "\"ij\"", "rotary positions of another grid"},
    {"ref_feat_shape", "null", "rotary positions of another grid"},
};

// What tells VisionTransformer from DINOv3.
constexpr FixedArg kFixedLearned[] = {
    {"use_rot_pos_emb", "false", "rotary positions of an architecture that is not DINOv3"},
    {"use_abs_pos_emb", "true", "no position embeddings"},
    {"rope_type", "null", "rotary positions of an architecture that is not DINOv3"},
    {"rope_temperature", "null", "rotary positions of an architecture that is not DINOv3"},
};
constexpr FixedArg kFixedRotary[] = {
    {"use_rot_pos_emb", "true", "DINOv3 without rotary positions"},
    {"use_abs_pos_emb", "false", "position embeddings beside rotary positions"},
    {"rope_type", "\"dinov3\"", "rotary positions of another kind"},
    {"rope_rotate_half", "true", "rotary positions of another kind"},
    {"pre_norm", "null", "no argument of DINOv3"},
    {"act_layer", "null", "no argument of DINOv3"},
};

template <size_t size>
const FixedArg* Find(const FixedArg (&rows)[size], const std::string& name) {
  const auto* row = std::find_if(std::begin(rows), std::end(rows),
                                 [&name](const FixedArg& fixed) { return fixed.name == name; });
  return row == std::end(rows) ? nullptr : row;
}

absl::Status CheckArgument(const JsonFields& fields, const std::string& name, Positions positions) {
  const FixedArg* fixed =
      positions == Positions::kRotary ? Find(kFixedRotary, name) : Find(kFixedLearned, name);
  if (fixed == nullptr) fixed = Find(kFixed, name);
  if (!fields.Has(name)) return absl::OkStatus();
  if (fixed != nullptr) {
    if (fields.json()[name] == Json::parse(fixed->value)) return absl::OkStatus();
    return fields.Unexpected(name, absl::StrCat(std::string(fixed->value), " (",
                                                std::string(fixed->feature), ": not supported)"));
  }
  const auto is = [&name](std::string_view known) { return known == name; };
  if (std::any_of(std::begin(kRead), std::end(kRead), is)) return absl::OkStatus();
  if (std::any_of(std::begin(kWithoutEffect), std::end(kWithoutEffect), is))
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(fields.path(), ": \"", name, "\" = ", ShownJson(fields.json()[name]),
                   " is not supported (docs/models.md lists what is)"));
}

absl::Status ReadInteger(const JsonFields& fields, const std::string& key, int min, int max,
                         std::optional<int>& out) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> value, fields.Integer(key, min, max));
  if (value) out = static_cast<int>(*value);
  return absl::OkStatus();
}

absl::Status ReadBool(const JsonFields& fields, const std::string& key, std::optional<bool>& out) {
  ASSIGN_OR_RETURN(const std::optional<bool> value, fields.Bool(key));
  if (value) out = value;
  return absl::OkStatus();
}

absl::Status ReadActivation(const JsonFields& fields, const std::string& key,
                            std::optional<Activation>& out) {
  ASSIGN_OR_RETURN(const std::optional<std::string> name, fields.String(key));
  if (!name) return absl::OkStatus();
  if (*name == "gelu") {
    out = Activation::kGelu;
  } else if (*name == "gelu_tanh") {
    out = Activation::kGeluTanh;
  } else if (*name == "quick_gelu") {
    out = Activation::kQuickGelu;
  } else if (*name == "silu" || *name == "swish") {
    out = Activation::kSilu;
  } else {
    return fields.Unexpected(key, "\"gelu\", \"gelu_tanh\", \"quick_gelu\" or \"silu\"");
  }
  return absl::OkStatus();
}

// Patches are square: an array is accepted where it says so.
absl::Status ReadPatchSize(const JsonFields& fields, std::optional<int>& out) {
  ASSIGN_OR_RETURN(const auto patch, fields.Size("patch_size", 1, kMaxPatchSize));
  if (patch && patch->first != patch->second)
    return fields.Unexpected("patch_size", "square patches");
  if (patch) out = patch->first;
  return absl::OkStatus();
}

absl::Status ReadFeatures(const JsonFields& fields, TimmModelArgs& args) {
  RETURN_IF_ERROR(ReadBool(fields, "qkv_bias", args.qkv_bias));
  RETURN_IF_ERROR(ReadBool(fields, "class_token", args.class_token));
  RETURN_IF_ERROR(ReadBool(fields, "no_embed_class", args.no_embed_class));
  RETURN_IF_ERROR(ReadBool(fields, "fc_norm", args.fc_norm));
  RETURN_IF_ERROR(ReadBool(fields, "use_fc_norm", args.fc_norm));
  RETURN_IF_ERROR(ReadBool(fields, "qk_norm", args.qk_norm));
  RETURN_IF_ERROR(ReadBool(fields, "pre_norm", args.norm_before));
  RETURN_IF_ERROR(ReadInteger(fields, "reg_tokens", 0, kMaxExtent, args.register_tokens));
  RETURN_IF_ERROR(ReadInteger(fields, "num_reg_tokens", 0, kMaxExtent, args.register_tokens));
  // The values that LayerScale began with: what counts is whether there are any.
  ASSIGN_OR_RETURN(const std::optional<double> scale, fields.Number("init_values", -1e6, 1e6));
  if (scale) args.layer_scale = true;
  ASSIGN_OR_RETURN(args.rope_theta, fields.Number("rope_temperature", 1e-3, 1e9));
  RETURN_IF_ERROR(ReadActivation(fields, "act_layer", args.activation));
  ASSIGN_OR_RETURN(args.pooling, ReadTimmPooling(fields, "global_pool"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<ModelPooling>> ReadTimmPooling(const JsonFields& fields,
                                                            const std::string& key) {
  ASSIGN_OR_RETURN(const std::optional<std::string> name, fields.String(key));
  if (!name) return std::nullopt;
  if (*name == "token") return ModelPooling::kClassToken;
  if (*name == "avg") return ModelPooling::kMean;
  if (*name == "map") return ModelPooling::kAttention;
  return fields.Unexpected(key, "\"token\", \"avg\" or \"map\" (other pooling is not supported)");
}

absl::StatusOr<TimmModelArgs> ReadTimmModelArgs(const JsonFields& fields, Positions positions) {
  for (const auto& item : fields.json().items()) {
    RETURN_IF_ERROR(CheckArgument(fields, item.key(), positions));
  }
  TimmModelArgs args;
  ASSIGN_OR_RETURN(args.image_size, fields.Size("img_size", 1, kMaxImageSize));
  RETURN_IF_ERROR(ReadPatchSize(fields, args.patch_size));
  RETURN_IF_ERROR(ReadInteger(fields, "embed_dim", 1, kMaxExtent, args.embed_dim));
  RETURN_IF_ERROR(ReadInteger(fields, "depth", 1, kMaxDepth, args.depth));
  RETURN_IF_ERROR(ReadInteger(fields, "num_heads", 1, kMaxExtent, args.num_heads));
  RETURN_IF_ERROR(ReadInteger(fields, "num_classes", 0, kMaxExtent, args.num_classes));
  ASSIGN_OR_RETURN(args.mlp_ratio, fields.Number("mlp_ratio", 0, kMaxExtent));
  RETURN_IF_ERROR(ReadFeatures(fields, args));
  return args;
}

}  // namespace snapvit
