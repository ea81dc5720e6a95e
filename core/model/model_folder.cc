#include "core/model/model_folder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "core/model/model_files.h"
#include "core/model/model_limits.h"
#include "core/model/timm_config.h"
#include "core/model/torch_dtype.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

// Fetches tensors by timm's names. After ReadTimmConfig all of them are there, with these shapes.
class TimmReader {
 public:
  explicit TimmReader(const std::shared_ptr<const SafetensorsFile>& file) : file_(file) {}

  absl::Status Read(const std::string& name, at::Tensor& tensor) const {
    ASSIGN_OR_RETURN(tensor, TensorOfFile(file_, name));
    return absl::OkStatus();
  }
  absl::Status ReadPair(const std::string& name, at::Tensor& weight, at::Tensor& bias) const {
    RETURN_IF_ERROR(Read(name + ".weight", weight));
    return Read(name + ".bias", bias);
  }

 private:
  const std::shared_ptr<const SafetensorsFile>& file_;
};

// The three parts of q | k | v.
void SplitPacked(const at::Tensor& packed, at::Tensor& query, at::Tensor& key, at::Tensor& value) {
  const int64_t rows = packed.size(0) / 3;
  query = packed.narrow(0, 0, rows);
  key = packed.narrow(0, rows, rows);
  value = packed.narrow(0, 2 * rows, rows);
}

absl::StatusOr<BlockWeights> ReadBlock(const TimmReader& reader, const VitConfig& config,
                                       int index) {
  const std::string prefix = absl::StrCat("blocks.", index, ".");
  BlockWeights block;
  RETURN_IF_ERROR(reader.ReadPair(prefix + "norm1", block.norm1.weight, block.norm1.bias));
  at::Tensor packed;
  RETURN_IF_ERROR(reader.Read(prefix + "attn.qkv.weight", packed));
  SplitPacked(packed, block.query.weight, block.key.weight, block.value.weight);
  if (config.block.query_bias) {
    RETURN_IF_ERROR(reader.Read(prefix + "attn.qkv.bias", packed));
    SplitPacked(packed, block.query.bias, block.key.bias, block.value.bias);
  }
  RETURN_IF_ERROR(reader.ReadPair(prefix + "attn.proj", block.proj.weight, block.proj.bias));
  RETURN_IF_ERROR(reader.ReadPair(prefix + "norm2", block.norm2.weight, block.norm2.bias));
  RETURN_IF_ERROR(reader.ReadPair(prefix + "mlp.fc1", block.fc1.weight, block.fc1.bias));
  RETURN_IF_ERROR(reader.ReadPair(prefix + "mlp.fc2", block.fc2.weight, block.fc2.bias));
  return block;
}

absl::StatusOr<VitWeights> ReadWeights(const std::shared_ptr<const SafetensorsFile>& file,
                                       const TimmConfig& timm) {
  const VitConfig& config = timm.model;
  const TimmReader reader(file);
  VitWeights weights;
  weights.config = config;
  RETURN_IF_ERROR(reader.ReadPair("patch_embed.proj", weights.patch.weight, weights.patch.bias));
  if (config.class_token) RETURN_IF_ERROR(reader.Read("cls_token", weights.prefix));
  RETURN_IF_ERROR(reader.Read("pos_embed", weights.position_embedding));
  if (config.class_token && !timm.position_for_class_token) {
    const at::Tensor& patches = weights.position_embedding;
    weights.position_embedding =
        at::cat({at::zeros({1, 1, config.embed_dim}, patches.options()), patches}, /*dim=*/1);
  }
  for (int i = 0; i < config.depth; ++i) {
    ASSIGN_OR_RETURN(BlockWeights block, ReadBlock(reader, config, i));
    weights.blocks.push_back(std::move(block));
  }
  RETURN_IF_ERROR(reader.ReadPair(config.norm_after_pooling ? "fc_norm" : "norm",
                                  weights.norm.weight, weights.norm.bias));
  if (config.num_classes > 0) {
    RETURN_IF_ERROR(reader.ReadPair("head", weights.head.weight, weights.head.bias));
  }
  return weights;
}

bool HasOneDtype(const SafetensorsIndex& index) {
  return std::all_of(index.tensors.begin(), index.tensors.end(), [&index](const auto& item) {
    return item.second.dtype == index.tensors.begin()->second.dtype;
  });
}

}  // namespace

absl::StatusOr<ModelFolder> LoadModelFolder(const std::string& folder) {
  ASSIGN_OR_RETURN(const ModelFiles files, FindModelFiles(folder));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(files.config, kMaxConfigBytes));
  ModelFolder model;
  ASSIGN_OR_RETURN(model.file, SafetensorsFile::Open(files.weights));
  ASSIGN_OR_RETURN(TimmConfig timm,
                   ReadTimmConfig(text, model.file->index(), {files.config, files.weights}));
  ASSIGN_OR_RETURN(model.weights, Guard([&] { return ReadWeights(model.file, timm); }));
  if (!HasOneDtype(model.file->index())) {
    ASSIGN_OR_RETURN(model.weights, ToFloat32(model.weights));
  }
  model.name = files.name;
  model.config = std::move(timm.model);
  model.preprocessing = timm.preprocessing;
  model.labels = std::move(timm.labels);
  return model;
}

}  // namespace snapvit
