#include "core/model/timm_config.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint_layouts.h"
#include "core/model/model_limits.h"
#include "core/model/tensor_shapes.h"
#include "core/model/timm_architectures.h"
#include "core/model/timm_hub_file.h"

namespace snapvit {
namespace {

// What is being merged. `row` is empty for an architecture that is not in the tables.
struct Sources {
  const TimmHubFile& file;
  const std::string& path;
  const CheckpointIndex& index;
  const TensorMap& tensors;
  const TensorShapes& shapes;
  const std::optional<TimmArchitecture>& row;
};

template <typename T>
std::string Shown(T value) {
  return absl::StrCat(value);
}
std::string Shown(bool value) { return value ? "true" : "false"; }

// An argument that the tensors tell, too: `slot` names the one that does.
template <typename T>
absl::Status CheckArg(const Sources& from, const char* name, const std::optional<T>& configured,
                      T actual, const SlotKey& slot) {
  if (!configured || *configured == actual) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      from.path, ": model_args: \"", name, "\" is ", Shown(*configured), ", but ", from.index.path,
      " has ", Shown(actual), " (by ", from.tensors.NameOf(slot), ")"));
}

absl::Status CheckMlpRatio(const Sources& from) {
  const VitConfig& model = from.shapes.config;
  if (!from.file.args.mlp_ratio) return absl::OkStatus();
  // timm: int(dim * mlp_ratio). A gate packed in fc1 counts, a gate of its own does not; SwiGLU in
  // two matrices may be rounded up besides (swiglu_align_to).
  const double hidden = std::floor(model.embed_dim * *from.file.args.mlp_ratio);
  const TensorSource* gate = from.tensors.Find({Slot::kGate, false, 0});
  const bool packed = gate != nullptr && gate->parts > 1;
  const bool two_matrices = gate != nullptr && !packed;
  const int actual = packed ? 2 * model.mlp_hidden : model.mlp_hidden;
  if (hidden == actual || two_matrices) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(from.path, ": model_args: \"mlp_ratio\" ", *from.file.args.mlp_ratio, " gives ",
                   hidden, " channels, but ", from.index.path, " has ", actual, " (by ",
                   from.tensors.NameOf({Slot::kFc1, false, 0}), ")"));
}

// With DINOv3, qkv_bias is one of queries and values.
absl::Status CheckBiases(const Sources& from) {
  const BlockFeatures& block = from.shapes.config.block;
  return CheckArg(from, "qkv_bias", from.file.args.qkv_bias, block.query_bias,
                  {Slot::kQuery, true, 0});
}

absl::Status CheckArgs(const Sources& from) {
  const TimmModelArgs& args = from.file.args;
  const VitConfig& model = from.shapes.config;
  const SlotKey patch = {Slot::kPatch, false, 0};
  // What model_args does not override is what timm builds for the name.
  const bool table_patch = from.row && !args.patch_size;
  const std::optional<int> patch_size =
      table_patch ? PatchSizeInName(from.file.architecture) : args.patch_size;
  RETURN_IF_ERROR(CheckArg(from, "patch_size", patch_size, model.patch_size, patch));
  const bool table_dim = from.row && !args.embed_dim;
  const std::optional<int> embed_dim =
      table_dim ? std::optional<int>(from.row->embed_dim) : args.embed_dim;
  RETURN_IF_ERROR(CheckArg(from, "embed_dim", embed_dim, model.embed_dim, patch));
  RETURN_IF_ERROR(CheckArg(from, "depth", args.depth, model.depth,
                           {Slot::kNorm1, false, std::max(model.depth - 1, 0)}));
  RETURN_IF_ERROR(CheckBiases(from));
  RETURN_IF_ERROR(CheckArg(from, "class_token", args.class_token, model.class_token,
                           {Slot::kClassToken, false, 0}));
  RETURN_IF_ERROR(CheckArg(from, "reg_tokens", args.register_tokens, model.register_tokens,
                           {Slot::kRegisterTokens, false, 0}));
  RETURN_IF_ERROR(CheckArg(from, "fc_norm", args.fc_norm, model.norm_after_pooling,
                           {Slot::kPooledNorm, false, 0}));
  RETURN_IF_ERROR(
      CheckArg(from, "qk_norm", args.qk_norm, model.block.qk_norm, {Slot::kQueryNorm, false, 0}));
  RETURN_IF_ERROR(CheckArg(from, "pre_norm", args.norm_before, model.norm_before,
                           {Slot::kNormBefore, false, 0}));
  RETURN_IF_ERROR(CheckArg(from, "init_values (LayerScale)", args.layer_scale,
                           model.block.layer_scale, {Slot::kScale1, false, 0}));
  return CheckMlpRatio(from);
}

absl::StatusOr<int> Heads(const Sources& from) {
  const TimmHubFile& file = from.file;
  if (!file.args.num_heads && !from.row) {
    return absl::InvalidArgumentError(absl::StrCat(
        from.path, ": the number of attention heads is not known for architecture \"",
        file.architecture,
        "\": the tensors do not tell it. Add \"num_heads\" to \"model_args\", or use one of ",
        KnownTimmArchitectures()));
  }
  const int heads = file.args.num_heads ? *file.args.num_heads : from.row->num_heads;
  if (from.shapes.config.embed_dim % heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        from.path, ": ", heads, " heads (", file.args.num_heads ? "model_args.num_heads" : "of ",
        file.args.num_heads ? "" : file.architecture, ") do not divide the width ",
        from.shapes.config.embed_dim, " of ", from.index.path));
  }
  return heads;
}

absl::Status CheckClasses(const Sources& from) {
  const std::optional<int> configured =
      from.file.args.num_classes ? from.file.args.num_classes : from.file.num_classes;
  const int actual = from.shapes.config.num_classes;
  if (!configured || *configured == actual) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      from.path, ": \"num_classes\" is ", *configured, ", but head.weight of ", from.index.path,
      " has ",
      actual == 0 ? std::string("no classes: it is missing") : absl::StrCat(actual, " rows")));
}

absl::StatusOr<ModelPooling> Pooling(const Sources& from) {
  const VitConfig& model = from.shapes.config;
  // A distilled DeiT has no other.
  if (model.distillation_token) return ModelPooling::kClassAndDistillation;
  std::optional<ModelPooling> pooling = from.file.args.pooling;
  if (!pooling) pooling = from.file.pooling;
  if (!pooling && from.row) pooling = from.row->pooling;
  if (!pooling) {
    pooling = model.pooling == ModelPooling::kAttention ? ModelPooling::kAttention
              : model.class_token                       ? ModelPooling::kClassToken
                                                        : ModelPooling::kMean;
  }
  const auto without = [&](const char* name, const char* tensor) {
    return absl::InvalidArgumentError(
        absl::StrCat(from.path, ": \"global_pool\" is \"", name, "\"",
                     from.file.args.pooling || from.file.pooling ? "" : " by default", ", but ",
                     from.index.path, " has no tensor \"", tensor, "\"; expected \"avg\""));
  };
  if (*pooling == ModelPooling::kClassToken && !model.class_token) {
    return without("token", "cls_token");
  }
  if (*pooling == ModelPooling::kAttention && model.pooling != ModelPooling::kAttention) {
    return without("map", "attn_pool.latent");
  }
  return *pooling;
}

// What the MLP does. A gate's is SiLU in all that timm registers.
Activation ActivationOf(const Sources& from) {
  if (from.file.args.activation) return *from.file.args.activation;
  if (from.shapes.config.block.gated_mlp) return Activation::kSilu;
  return from.row ? from.row->activation : Activation::kGelu;
}

absl::StatusOr<std::pair<int, int>> ImageSize(const Sources& from) {
  if (from.file.args.image_size) return *from.file.args.image_size;
  if (from.file.input_size) return *from.file.input_size;
  const VitConfig& model = from.shapes.config;
  for (const int prefix : {model.prefix_tokens(), 0}) {
    const auto grid = StoredGrid(from.shapes.position_rows - prefix, {});
    if (grid && grid->height * model.patch_size <= kMaxImageSize) {
      return std::pair(grid->height * model.patch_size, grid->width * model.patch_size);
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      from.path, " does not give the input size, and ",
      from.shapes.position_rows == 0
          ? std::string("there are no position embeddings to tell it")
          : absl::StrCat("pos_embed of ", from.index.path, " with ", from.shapes.position_rows,
                         " positions is not that of a square"),
      "; add \"input_size\": [3, height, width] to \"pretrained_cfg\""));
}

// timm stores positions for the whole prefix, or for none of it (no_embed_class).
absl::StatusOr<StoredPositions> PositionsOf(const Sources& from, const VitConfig& model) {
  const PatchGrid target = {model.grid_height(), model.grid_width()};
  const std::optional<bool> patches_only = from.file.args.no_embed_class;
  // The grid of the input if it fits one way or the other, else a square.
  for (const bool exactly : {true, false}) {
    for (const int prefix : {model.prefix_tokens(), 0}) {
      const bool agrees = !patches_only || prefix == (*patches_only ? 0 : model.prefix_tokens());
      const int patches = from.shapes.position_rows - prefix;
      if (exactly ? patches != target.height * target.width : !agrees) continue;
      if (const auto grid = StoredGrid(patches, target)) {
        if (!agrees) {
          return CheckArg(from, "no_embed_class", patches_only, prefix == 0,
                          {Slot::kPositions, false, 0});
        }
        return StoredPositions{
            .prefix_rows = prefix,
            .grid_height = grid->height,
            .grid_width = grid->width,
            .resampling = from.row ? from.row->resampling : PositionResampling::kBicubicAntialias};
      }
    }
  }
  return TensorError(
      from.index, from.tensors.NameOf({Slot::kPositions, false, 0}),
      absl::StrCat("has ", from.shapes.position_rows, " positions, expected ",
                   model.patches() + (patches_only.value_or(false) ? 0 : model.prefix_tokens()),
                   " for input ", model.image_height, "x", model.image_width, " in patches of ",
                   model.patch_size, " with ", model.prefix_tokens(),
                   " tokens before them, or those of a square that can be resampled to it"));
}

absl::StatusOr<std::vector<std::string>> Labels(const Sources& from) {
  const auto& labels = from.file.labels;
  const int classes = from.shapes.config.num_classes;
  // A feature extractor may keep the labels of the classifier that it was made from.
  if (classes == 0 || labels.empty()) return std::vector<std::string>();
  if (static_cast<int>(labels.size()) != classes) {
    return absl::InvalidArgumentError(
        absl::StrCat(from.path, ": \"label_names\" has ", labels.size(), " names, expected ",
                     classes, ", the rows of head.weight of ", from.index.path));
  }
  return labels;
}

absl::Status CheckArchitecture(const TimmHubFile& file, const std::string& path) {
  const auto feature = UnsupportedTimmArchitecture(file.architecture);
  if (!feature) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": architecture \"", file.architecture, "\" uses ", std::string(*feature),
                   ", which is not supported; supported are ", KnownTimmArchitectures()));
}

// timm leaves the pooling head of a SigLIP file out if another pooling is asked for.
void DropUnusedPool(const TimmHubFile& file, VitConfig& model, TensorMap& tensors) {
  if (model.pooling == ModelPooling::kAttention) return;
  if (file.architecture.find("siglip") == std::string::npos) return;
  for (const Slot slot : {Slot::kLatent, Slot::kPoolQuery, Slot::kPoolKey, Slot::kPoolValue,
                          Slot::kPoolProj, Slot::kPoolNorm, Slot::kPoolFc1, Slot::kPoolFc2}) {
    tensors.Drop(slot);
  }
  model.pool_mlp_hidden = 0;
}

absl::Status CheckPositions(const Sources& from) {
  const bool learned = !from.row || from.row->positions == Positions::kLearned;
  if (!learned || from.shapes.position_rows > 0) return absl::OkStatus();
  return TensorError(from.index, from.tensors.NameOf({Slot::kPositions, false, 0}),
                     "is missing; every such model has it");
}

absl::StatusOr<VitConfig> Merge(const Sources& from) {
  RETURN_IF_ERROR(CheckPositions(from));
  RETURN_IF_ERROR(CheckArgs(from));
  RETURN_IF_ERROR(CheckClasses(from));
  VitConfig model = from.shapes.config;
  model.architecture = from.file.architecture;
  model.block.norm_eps = from.row ? from.row->norm_eps : TimmArchitecture().norm_eps;
  model.block.activation = ActivationOf(from);
  model.positions = from.row ? from.row->positions : Positions::kLearned;
  model.rope_theta = from.file.args.rope_theta.value_or(model.rope_theta);
  ASSIGN_OR_RETURN(model.num_heads, Heads(from));
  model.head_dim = model.embed_dim / model.num_heads;
  ASSIGN_OR_RETURN(model.pooling, Pooling(from));
  ASSIGN_OR_RETURN(const auto size, ImageSize(from));
  model.image_height = size.first;
  model.image_width = size.second;
  if (model.patches() < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        from.path, ": the input ", model.image_height, "x", model.image_width,
        " has no whole patch of ", model.patch_size, "x", model.patch_size, " pixels"));
  }
  return model;
}

}  // namespace

absl::StatusOr<TimmConfig> ReadTimmConfig(std::string_view text, const CheckpointIndex& index,
                                          const std::string& path) {
  ASSIGN_OR_RETURN(const TimmHubFile file, ParseTimmHubFile(text, path));
  RETURN_IF_ERROR(CheckArchitecture(file, path));
  const std::optional<TimmArchitecture> row = FindTimmArchitecture(file.architecture);
  const CheckpointLayout& layout =
      row && row->positions == Positions::kRotary ? kTimmDinov3 : kTimmVit;
  ASSIGN_OR_RETURN(TensorMap tensors, TensorMap::Of(index, layout));
  ASSIGN_OR_RETURN(const TensorShapes shapes, ReadTensorShapes(index, tensors));
  const Sources from = {file, path, index, tensors, shapes, row};
  ASSIGN_OR_RETURN(VitConfig model, Merge(from));
  DropUnusedPool(file, model, tensors);
  TimmConfig config{
      .checkpoint = {.model = model,
                     .preprocessing = file.preprocessing.For(model.image_height, model.image_width),
                     .labels = {},
                     .positions = {},
                     .tensors = tensors}};
  CheckpointConfig& checkpoint = config.checkpoint;
  if (model.positions == Positions::kLearned) {
    ASSIGN_OR_RETURN(checkpoint.positions, PositionsOf(from, model));
  }
  RETURN_IF_ERROR(CheckTensors(index, tensors, layout, model, shapes.position_rows));
  ASSIGN_OR_RETURN(checkpoint.labels, Labels(from));
  config.head_may_be_projection = row && row->clip && model.num_classes > 0 &&
                                  checkpoint.labels.empty() &&
                                  ("_" + file.tag).find("_ft_") == std::string::npos;
  return config;
}

CheckpointConfig WithHeadAsProjection(CheckpointConfig config) {
  config.model.projection_dim = config.model.num_classes;
  config.model.num_classes = 0;
  config.tensors.Move(Slot::kHead, Slot::kProjection);
  return config;
}

}  // namespace snapvit
