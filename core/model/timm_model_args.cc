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

// Read by ReadTimmModelArgs.
constexpr std::string_view kRead[] = {"img_size",    "patch_size",     "embed_dim", "depth",
                                      "num_heads",   "num_classes",    "mlp_ratio", "qkv_bias",
                                      "class_token", "no_embed_class", "fc_norm",   "global_pool"};

// Without effect on a trained model at its own input size, whatever their value.
constexpr std::string_view kWithoutEffect[] = {
    "drop_rate",        "pos_drop_rate",   "patch_drop_rate",  "proj_drop_rate",
    "attn_drop_rate",   "drop_path_rate",  "weight_init",      "fix_init",
    "dynamic_img_size", "strict_img_size", "pretrained_strict"};

// Arguments that may only be absent, null, or have the value (JSON) that a plain ViT has.
struct FixedArg {
  std::string_view name;
  std::string_view value;
  std::string_view feature;  // what another value would mean
};

constexpr FixedArg kFixed[] = {
    {"in_chans", "3", "input of other than three channels"},
    {"qk_norm", "false", "normalised queries and keys"},
    {"scale_attn_norm", "false", "a norm inside the attention"},
    {"scale_mlp_norm", "false", "a norm inside the MLP"},
    {"proj_bias", "true", "projections without bias"},
    {"init_values", "null", "LayerScale"},
    {"pos_embed", "\"learn\"", "other than learned position embeddings"},
    {"reg_tokens", "0", "register tokens"},
    {"pre_norm", "false", "a norm before the blocks"},
    {"final_norm", "true", "models without a final norm"},
    {"pool_include_prefix", "false", "pooling over prefix tokens"},
    {"dynamic_img_pad", "false", "padding to whole patches"},
    {"act_layer", "\"gelu\"", "another activation"},
    {"norm_layer", "\"layernorm\"", "another norm"},
    {"embed_norm_layer", "null", "a norm after the patch embedding"},
    {"use_naflex", "false", "NaFlex input"},
};

absl::Status CheckArgument(const JsonFields& fields, const std::string& name) {
  const auto is = [&name](std::string_view known) { return known == name; };
  if (std::any_of(std::begin(kRead), std::end(kRead), is)) return absl::OkStatus();
  if (std::any_of(std::begin(kWithoutEffect), std::end(kWithoutEffect), is))
    return absl::OkStatus();
  for (const FixedArg& row : kFixed) {
    if (row.name != name) continue;
    if (!fields.Has(name) || fields.json()[name] == Json::parse(row.value)) return absl::OkStatus();
    return fields.Unexpected(name, absl::StrCat(std::string(row.value), " (",
                                                std::string(row.feature), ": not supported)"));
  }
  if (!fields.Has(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(fields.path(), ": \"", name,
                                                 "\" = ", ShownJson(fields.json()[name]),
                                                 " is not supported for plain ViTs"));
}

absl::Status ReadInteger(const JsonFields& fields, const std::string& key, int min, int max,
                         std::optional<int>& out) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> value, fields.Integer(key, min, max));
  if (value) out = static_cast<int>(*value);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<ModelPooling>> ReadTimmPooling(const JsonFields& fields,
                                                            const std::string& key) {
  ASSIGN_OR_RETURN(const std::optional<std::string> name, fields.String(key));
  if (!name) return std::nullopt;
  if (*name == "token") return ModelPooling::kClassToken;
  if (*name == "avg") return ModelPooling::kMean;
  return fields.Unexpected(key, "\"token\" or \"avg\" (other pooling is not supported)");
}

absl::StatusOr<TimmModelArgs> ReadTimmModelArgs(const JsonFields& fields) {
  for (const auto& item : fields.json().items()) {
    RETURN_IF_ERROR(CheckArgument(fields, item.key()));
  }
  TimmModelArgs args;
  ASSIGN_OR_RETURN(args.image_size, fields.Size("img_size", 1, kMaxImageSize));
  // Patches are square: an array is accepted where it says so.
  ASSIGN_OR_RETURN(const auto patch, fields.Size("patch_size", 1, kMaxPatchSize));
  if (patch && patch->first != patch->second)
    return fields.Unexpected("patch_size", "square patches");
  if (patch) args.patch_size = patch->first;
  RETURN_IF_ERROR(ReadInteger(fields, "embed_dim", 1, kMaxExtent, args.embed_dim));
  RETURN_IF_ERROR(ReadInteger(fields, "depth", 1, kMaxDepth, args.depth));
  RETURN_IF_ERROR(ReadInteger(fields, "num_heads", 1, kMaxExtent, args.num_heads));
  RETURN_IF_ERROR(ReadInteger(fields, "num_classes", 0, kMaxExtent, args.num_classes));
  ASSIGN_OR_RETURN(args.mlp_ratio, fields.Number("mlp_ratio", 0, kMaxExtent));
  ASSIGN_OR_RETURN(args.qkv_bias, fields.Bool("qkv_bias"));
  ASSIGN_OR_RETURN(args.class_token, fields.Bool("class_token"));
  ASSIGN_OR_RETURN(args.no_embed_class, fields.Bool("no_embed_class"));
  ASSIGN_OR_RETURN(args.fc_norm, fields.Bool("fc_norm"));
  ASSIGN_OR_RETURN(args.pooling, ReadTimmPooling(fields, "global_pool"));
  return args;
}

}  // namespace snapvit
