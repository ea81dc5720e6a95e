#include "core/model/timm_tensors.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/model_limits.h"

namespace snapvit {
namespace {

absl::Status Bad(const std::string& path, const std::string& tensor, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": tensor \"", absl::CHexEscape(tensor.substr(0, 200)), "\" ", what));
}

// Parts of tensor names that belong to known features which the plain ViT does not have.
struct FeatureTensor {
  std::string_view part;
  std::string_view feature;
};

constexpr FeatureTensor kFeatureTensors[] = {
    {".ls1.", "LayerScale"},
    {".ls2.", "LayerScale"},
    {".gamma_1", "LayerScale"},
    {".gamma_2", "LayerScale"},
    {"reg_token", "register tokens"},
    {"dist_token", "a distillation token"},
    {"head_dist.", "a distillation head"},
    {".q_norm.", "normalised queries and keys"},
    {".k_norm.", "normalised queries and keys"},
    {"norm_pre.", "a norm before the blocks (CLIP)"},
    {"attn_pool.", "attention pooling (SigLIP)"},
    {".mlp.fc1_g.", "a gated MLP (SwiGLU)"},
    {".mlp.fc1_x.", "a gated MLP (SwiGLU)"},
    {".mlp.norm.", "a norm inside the MLP"},
    {".attn.norm.", "a norm inside the attention"},
    {".attn.q_bias", "separate query and value biases (EVA)"},
    {".attn.v_bias", "separate query and value biases (EVA)"},
    {".attn.q_proj.", "separate query, key and value projections (EVA)"},
    {"relative_position", "relative position biases (BEiT)"},
    {"rel_pos", "relative position biases"},
    {"patch_embed.backbone.", "a convolutional stem (hybrid ViT)"},
    {"patch_embed.norm.", "a norm after the patch embedding"},
    {".norm3.", "blocks of another kind"},
    {".attns.", "parallel blocks"},
    {".in_proj.", "parallel blocks"},
    {".lambda_q", "differential attention"},
};

constexpr std::string_view kSupported =
    "supported are plain timm ViTs: patch_embed, cls_token or none, pos_embed, blocks with "
    "norm1, attn.qkv, attn.proj, norm2, mlp.fc1, mlp.fc2, then norm or fc_norm, and head or none";

absl::Status CheckFeatures(const SafetensorsIndex& index, const std::string& path) {
  for (const auto& item : index.tensors) {
    for (const FeatureTensor& row : kFeatureTensors) {
      if (item.first.find(row.part) == std::string::npos) continue;
      return Bad(path, item.first,
                 absl::StrCat("belongs to ", std::string(row.feature), ", which is not supported; ",
                              std::string(kSupported)));
    }
  }
  return absl::OkStatus();
}

// The shape of a tensor that every model of the kind has, with this many dimensions, each from 1 to
// the limit.
absl::StatusOr<TensorShape> RequiredShape(const SafetensorsIndex& index, const std::string& path,
                                          const std::string& name, size_t rank) {
  const auto found = index.tensors.find(name);
  if (found == index.tensors.end()) {
    return Bad(
        path, name,
        "is missing; every timm VisionTransformer has it. Is this the model.safetensors of a "
        "timm hub folder?");
  }
  const TensorShape& shape = found->second.shape;
  const bool sane = std::all_of(shape.begin(), shape.end(),
                                [](int64_t extent) { return extent >= 1 && extent <= kMaxExtent; });
  if (shape.size() != rank || !sane) {
    return Bad(path, name,
               absl::StrCat("has shape ", ShapeString(shape), ", expected ", rank,
                            " dimensions from 1 to ", kMaxExtent));
  }
  return shape;
}

std::string BlockTensor(int block, std::string_view name) {
  return absl::StrCat("blocks.", block, ".", std::string(name));
}

void AddLinear(std::map<std::string, TensorShape>& tensors, const std::string& name, int64_t out,
               int64_t in, bool bias = true) {
  tensors[name + ".weight"] = {out, in};
  if (bias) tensors[name + ".bias"] = {out};
}

void AddNorm(std::map<std::string, TensorShape>& tensors, const std::string& name, int64_t dim) {
  tensors[name + ".weight"] = {dim};
  tensors[name + ".bias"] = {dim};
}

// The blocks of a file: each has a norm1.weight. Holes in the numbering show up as missing tensors
// later.
int CountBlocks(const SafetensorsIndex& index) {
  return static_cast<int>(
      std::count_if(index.tensors.begin(), index.tensors.end(), [](const auto& item) {
        return item.first.starts_with("blocks.") && item.first.ends_with(".norm1.weight");
      }));
}

absl::Status CheckDtype(const TensorEntry& entry, const std::string& name,
                        const std::string& path) {
  switch (entry.dtype) {
    case TensorDtype::kF32:
    case TensorDtype::kF16:
    case TensorDtype::kBF16:
      return absl::OkStatus();
    default:
      return Bad(path, name,
                 absl::StrCat("has dtype ", std::string(DtypeName(entry.dtype)),
                              ", expected F32, F16 or BF16"));
  }
}

}  // namespace

absl::StatusOr<TimmShapes> ReadTimmShapes(const SafetensorsIndex& index, const std::string& path) {
  RETURN_IF_ERROR(CheckFeatures(index, path));
  TimmShapes shapes;
  const std::string patch_name = "patch_embed.proj.weight";
  ASSIGN_OR_RETURN(const TensorShape patch, RequiredShape(index, path, patch_name, 4));
  if (patch[1] != 3 || patch[2] != patch[3] || patch[2] > kMaxPatchSize) {
    return Bad(path, patch_name,
               absl::StrCat("has shape ", ShapeString(patch), ", expected [", patch[0],
                            ", 3, p, p] with p up to ", kMaxPatchSize));
  }
  shapes.embed_dim = static_cast<int>(patch[0]);
  shapes.patch_size = static_cast<int>(patch[2]);
  ASSIGN_OR_RETURN(const TensorShape position, RequiredShape(index, path, "pos_embed", 3));
  shapes.position_tokens = static_cast<int>(position[1]);
  ASSIGN_OR_RETURN(const TensorShape fc1,
                   RequiredShape(index, path, BlockTensor(0, "mlp.fc1.weight"), 2));
  shapes.mlp_hidden = static_cast<int>(fc1[0]);
  shapes.depth = CountBlocks(index);
  if (shapes.depth < 1 || shapes.depth > kMaxDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has ", shapes.depth, " blocks, expected from 1 to ", kMaxDepth));
  }
  const auto has = [&index](const char* name) { return index.tensors.contains(name); };
  shapes.class_token = has("cls_token");
  shapes.qkv_bias = has("blocks.0.attn.qkv.bias");
  shapes.norm_after_pooling = has("fc_norm.weight");
  if (has("head.weight")) {
    ASSIGN_OR_RETURN(const TensorShape head, RequiredShape(index, path, "head.weight", 2));
    shapes.num_classes = static_cast<int>(head[0]);
  }
  return shapes;
}

std::map<std::string, TensorShape> ExpectedTimmTensors(const VitConfig& config,
                                                       int position_tokens) {
  const int64_t dim = config.embed_dim;
  const int64_t attention_dim = int64_t{config.num_heads} * config.head_dim;
  const int64_t patch = config.patch_size;
  std::map<std::string, TensorShape> tensors;
  tensors["patch_embed.proj.weight"] = {dim, 3, patch, patch};
  tensors["patch_embed.proj.bias"] = {dim};
  if (config.class_token) tensors["cls_token"] = {1, 1, dim};
  tensors["pos_embed"] = {1, position_tokens, dim};
  for (int block = 0; block < config.depth; ++block) {
    AddNorm(tensors, BlockTensor(block, "norm1"), dim);
    AddLinear(tensors, BlockTensor(block, "attn.qkv"), 3 * attention_dim, dim,
              config.block.query_bias);
    AddLinear(tensors, BlockTensor(block, "attn.proj"), dim, attention_dim);
    AddNorm(tensors, BlockTensor(block, "norm2"), dim);
    AddLinear(tensors, BlockTensor(block, "mlp.fc1"), config.mlp_hidden, dim);
    AddLinear(tensors, BlockTensor(block, "mlp.fc2"), dim, config.mlp_hidden);
  }
  AddNorm(tensors, config.norm_after_pooling ? "fc_norm" : "norm", dim);
  if (config.num_classes > 0) AddLinear(tensors, "head", config.num_classes, dim);
  return tensors;
}

absl::Status CheckTimmTensors(const SafetensorsIndex& index, const VitConfig& config,
                              int position_tokens, const std::string& path) {
  const std::map<std::string, TensorShape> expected = ExpectedTimmTensors(config, position_tokens);
  for (const auto& [name, shape] : expected) {
    const auto found = index.tensors.find(name);
    if (found == index.tensors.end()) {
      return Bad(path, name, absl::StrCat("is missing, expected shape ", ShapeString(shape)));
    }
    if (found->second.shape != shape) {
      return Bad(path, name,
                 absl::StrCat("has shape ", ShapeString(found->second.shape), ", expected ",
                              ShapeString(shape)));
    }
    RETURN_IF_ERROR(CheckDtype(found->second, name, path));
  }
  for (const auto& item : index.tensors) {
    if (expected.contains(item.first)) continue;
    return Bad(path, item.first,
               absl::StrCat("is not part of this model (", config.depth, " blocks, ",
                            config.num_classes, " classes); ", std::string(kSupported)));
  }
  return absl::OkStatus();
}

}  // namespace snapvit
