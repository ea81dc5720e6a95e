#include "core/model/timm_config.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/model_limits.h"
#include "core/model/timm_architectures.h"
#include "core/model/timm_hub_file.h"
#include "core/model/timm_tensors.h"

namespace snapvit {
namespace {

// What is being merged. `row` is null for an architecture that is not in the table.
struct Sources {
  const TimmHubFile& file;
  const TimmShapes& shapes;
  const TimmArchitecture* row;
  const TimmConfigPaths& paths;
};

template <typename T>
std::string Shown(T value) {
  return absl::StrCat(value);
}
std::string Shown(bool value) { return value ? "true" : "false"; }

// An argument that the tensors tell, too: `tensor` names the one that does.
template <typename T>
absl::Status CheckArg(const Sources& from, const char* name, const std::optional<T>& configured,
                      T actual, const char* tensor) {
  if (!configured || *configured == actual) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(from.paths.config, ": model_args: \"", name, "\" is ", Shown(*configured),
                   ", but ", from.paths.weights, " has ", Shown(actual), " (by ", tensor, ")"));
}

absl::Status CheckArgs(const Sources& from) {
  const TimmModelArgs& args = from.file.args;
  const TimmShapes& shapes = from.shapes;
  const char* patch = "patch_embed.proj.weight";
  // What model_args does not override is what timm builds for the name.
  const std::optional<int> named_patch = PatchSizeInName(from.file.architecture);
  const bool table_patch = from.row != nullptr && !args.patch_size;
  RETURN_IF_ERROR(CheckArg(from, "patch_size", table_patch ? named_patch : args.patch_size,
                           shapes.patch_size, patch));
  const bool table_dim = from.row != nullptr && !args.embed_dim;
  RETURN_IF_ERROR(CheckArg(from, "embed_dim",
                           table_dim ? std::optional<int>(from.row->embed_dim) : args.embed_dim,
                           shapes.embed_dim, patch));
  RETURN_IF_ERROR(CheckArg(from, "depth", args.depth, shapes.depth, "blocks.*"));
  RETURN_IF_ERROR(
      CheckArg(from, "qkv_bias", args.qkv_bias, shapes.qkv_bias, "blocks.0.attn.qkv.bias"));
  RETURN_IF_ERROR(CheckArg(from, "class_token", args.class_token, shapes.class_token, "cls_token"));
  RETURN_IF_ERROR(
      CheckArg(from, "fc_norm", args.fc_norm, shapes.norm_after_pooling, "fc_norm.weight"));
  if (args.mlp_ratio) {  // timm: int(dim * mlp_ratio)
    const double hidden = std::floor(shapes.embed_dim * *args.mlp_ratio);
    if (hidden != shapes.mlp_hidden) {
      return absl::InvalidArgumentError(
          absl::StrCat(from.paths.config, ": model_args: \"mlp_ratio\" ", *args.mlp_ratio,
                       " gives ", hidden, " channels, but ", from.paths.weights, " has ",
                       shapes.mlp_hidden, " (by blocks.0.mlp.fc1.weight)"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Heads(const Sources& from) {
  const TimmHubFile& file = from.file;
  if (!file.args.num_heads && from.row == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        from.paths.config, ": the number of attention heads is not known for architecture \"",
        file.architecture,
        "\": the tensors do not tell it. Add \"num_heads\" to \"model_args\", or use one of ",
        KnownTimmArchitectures()));
  }
  const int heads = file.args.num_heads ? *file.args.num_heads : from.row->num_heads;
  if (from.shapes.embed_dim % heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(from.paths.config, ": ", heads, " heads (",
                     file.args.num_heads ? "model_args.num_heads" : "of ",
                     file.args.num_heads ? "" : file.architecture, ") do not divide the width ",
                     from.shapes.embed_dim, " of ", from.paths.weights));
  }
  return heads;
}

absl::Status CheckClasses(const Sources& from) {
  const std::optional<int> configured =
      from.file.args.num_classes ? from.file.args.num_classes : from.file.num_classes;
  if (!configured || *configured == from.shapes.num_classes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(from.paths.config, ": \"num_classes\" is ", *configured, ", but head.weight of ",
                   from.paths.weights, " has ",
                   from.shapes.num_classes == 0 ? std::string("no classes: it is missing")
                                                : absl::StrCat(from.shapes.num_classes, " rows")));
}

absl::StatusOr<ModelPooling> Pooling(const Sources& from) {
  const ModelPooling pooling = from.file.args.pooling.value_or(from.file.pooling.value_or(
      from.shapes.class_token ? ModelPooling::kClassToken : ModelPooling::kMean));
  if (pooling == ModelPooling::kClassToken && !from.shapes.class_token) {
    return absl::InvalidArgumentError(
        absl::StrCat(from.paths.config, ": \"global_pool\" is \"token\", but ", from.paths.weights,
                     " has no tensor \"cls_token\"; expected \"avg\""));
  }
  return pooling;
}

// The side of the square grid with so many patches, or nothing.
std::optional<int> SquareGrid(int patches) {
  const int side = static_cast<int>(std::lround(std::sqrt(patches)));
  if (patches < 1 || side * side != patches) return std::nullopt;
  return side;
}

absl::StatusOr<std::pair<int, int>> ImageSize(const Sources& from) {
  if (from.file.args.image_size) return *from.file.args.image_size;
  if (from.file.input_size) return *from.file.input_size;
  // Of n and n - 1 at most one is a square, so the row for the class token does not make this
  // ambiguous.
  std::optional<int> side = SquareGrid(from.shapes.position_tokens);
  if (!side && from.shapes.class_token) side = SquareGrid(from.shapes.position_tokens - 1);
  if (!side || *side * from.shapes.patch_size > kMaxImageSize) {
    return absl::InvalidArgumentError(
        absl::StrCat(from.paths.config, " does not give the input size, and pos_embed of ",
                     from.paths.weights, " with ", from.shapes.position_tokens,
                     " positions is not that of a square; add \"input_size\": [3, height, width] "
                     "to \"pretrained_cfg\""));
  }
  return std::pair(*side * from.shapes.patch_size, *side * from.shapes.patch_size);
}

// Whether pos_embed counts the class token; it must fit the grid one way or the other.
absl::StatusOr<bool> PositionForClassToken(const Sources& from, const VitConfig& model) {
  const int rows = from.shapes.position_tokens;
  const bool own = model.class_token && rows == model.patches() + 1;
  if (!own && rows != model.patches()) {
    return absl::InvalidArgumentError(absl::StrCat(
        from.paths.weights, ": tensor \"pos_embed\" has shape [1, ", rows, ", ", model.embed_dim,
        "], expected [1, ", model.patches() + (model.class_token ? 1 : 0), ", ", model.embed_dim,
        "] for input ", model.image_height, "x", model.image_width, " in patches of ",
        model.patch_size, model.class_token ? " with a class token" : "",
        " (position embeddings are not resampled)"));
  }
  if (model.class_token) {
    RETURN_IF_ERROR(
        CheckArg(from, "no_embed_class", from.file.args.no_embed_class, !own, "pos_embed"));
  }
  return own;
}

absl::StatusOr<std::vector<std::string>> Labels(const Sources& from) {
  const auto& labels = from.file.labels;
  // A feature extractor may keep the labels of the classifier that it was made from.
  if (from.shapes.num_classes == 0 || labels.empty()) return std::vector<std::string>();
  if (static_cast<int>(labels.size()) != from.shapes.num_classes) {
    return absl::InvalidArgumentError(absl::StrCat(
        from.paths.config, ": \"label_names\" has ", labels.size(), " names, expected ",
        from.shapes.num_classes, ", the rows of head.weight of ", from.paths.weights));
  }
  return labels;
}

absl::Status CheckArchitecture(const Sources& from) {
  const auto feature = UnsupportedTimmArchitecture(from.file.architecture);
  if (!feature) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(from.paths.config, ": architecture \"", from.file.architecture, "\" uses ",
                   std::string(*feature), ", which is not supported"));
}

absl::StatusOr<VitConfig> Merge(const Sources& from) {
  RETURN_IF_ERROR(CheckArchitecture(from));
  RETURN_IF_ERROR(CheckArgs(from));
  RETURN_IF_ERROR(CheckClasses(from));
  VitConfig model;
  model.architecture = from.file.architecture;
  model.patch_size = from.shapes.patch_size;
  model.embed_dim = from.shapes.embed_dim;
  model.depth = from.shapes.depth;
  model.mlp_hidden = from.shapes.mlp_hidden;
  model.num_classes = from.shapes.num_classes;
  model.class_token = from.shapes.class_token;
  model.norm_after_pooling = from.shapes.norm_after_pooling;
  for (bool* bias : {&model.block.query_bias, &model.block.key_bias, &model.block.value_bias}) {
    *bias = from.shapes.qkv_bias;
  }
  ASSIGN_OR_RETURN(model.num_heads, Heads(from));
  model.head_dim = model.embed_dim / model.num_heads;
  ASSIGN_OR_RETURN(model.pooling, Pooling(from));
  ASSIGN_OR_RETURN(const auto size, ImageSize(from));
  model.image_height = size.first;
  model.image_width = size.second;
  return model;
}

}  // namespace

absl::StatusOr<TimmConfig> ReadTimmConfig(std::string_view text, const SafetensorsIndex& index,
                                          const TimmConfigPaths& paths) {
  ASSIGN_OR_RETURN(const TimmHubFile file, ParseTimmHubFile(text, paths.config));
  ASSIGN_OR_RETURN(const TimmShapes shapes, ReadTimmShapes(index, paths.weights));
  const Sources from = {file, shapes, FindTimmArchitecture(file.architecture), paths};
  TimmConfig config;
  ASSIGN_OR_RETURN(config.model, Merge(from));
  ASSIGN_OR_RETURN(config.position_for_class_token, PositionForClassToken(from, config.model));
  RETURN_IF_ERROR(CheckTimmTensors(index, config.model, shapes.position_tokens, paths.weights));
  ASSIGN_OR_RETURN(config.labels, Labels(from));
  config.preprocessing =
      file.preprocessing.For(config.model.image_height, config.model.image_width);
  return config;
}

}  // namespace snapvit
