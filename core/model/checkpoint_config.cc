#include "core/model/checkpoint_config.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "core/model/hf_config.h"
#include "core/model/hf_preprocessor.h"
#include "core/model/json_document.h"
#include "core/model/json_fields.h"
#include "core/model/model_limits.h"
#include "core/model/timm_config.h"

namespace snapvit {
namespace {

// Whether every value of a tensor is zero: in all dtypes of weights, no bit is set but the sign's.
absl::StatusOr<bool> IsZero(const Checkpoint& checkpoint, const std::string& tensor) {
  ASSIGN_OR_RETURN(const TensorView view, checkpoint.FileOf(tensor)->Tensor(tensor));
  const size_t width = DtypeSize(view.dtype);
  for (size_t i = 0; i < view.bytes.size(); ++i) {
    const bool sign_byte = i % width == width - 1;  // little-endian
    if ((view.bytes[i] & (sign_byte ? std::byte{0x7f} : std::byte{0xff})) != std::byte{0}) {
      return false;
    }
  }
  return true;
}

absl::StatusOr<CheckpointConfig> ReadTimm(std::string_view text, const ModelFiles& files,
                                          const Checkpoint& checkpoint) {
  ASSIGN_OR_RETURN(TimmConfig timm, ReadTimmConfig(text, checkpoint.index, files.config));
  if (!timm.head_may_be_projection) return std::move(timm.checkpoint);
  const TensorSource* bias = timm.checkpoint.tensors.Find({Slot::kHead, /*bias=*/true, 0});
  ASSIGN_OR_RETURN(const bool projection, IsZero(checkpoint, bias->tensor));
  if (!projection) return std::move(timm.checkpoint);
  return WithHeadAsProjection(std::move(timm.checkpoint));
}

absl::StatusOr<CheckpointConfig> ReadHf(std::string_view text, const ModelFiles& files,
                                        const Checkpoint& checkpoint) {
  ASSIGN_OR_RETURN(const HfInput input, ReadHfInput(text, files.config));
  if (files.preprocessor.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no preprocessor_config.json in ", files.folder,
        ", which says how a Hugging Face model wants its images; save the image processor, too"));
  }
  ASSIGN_OR_RETURN(const std::string preprocessor, ReadFile(files.preprocessor, kMaxConfigBytes));
  ASSIGN_OR_RETURN(const Preprocessing preprocessing,
                   ReadHfPreprocessor(preprocessor, files.preprocessor,
                                      {input.model_type, {input.height, input.width}}));
  return ReadHfConfig(text, checkpoint.index, files.config, preprocessing);
}

}  // namespace

absl::StatusOr<CheckpointConfig> ReadCheckpointConfig(const ModelFiles& files,
                                                      const Checkpoint& checkpoint) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(files.config, kMaxConfigBytes));
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(text, files.config));
  ASSIGN_OR_RETURN(const JsonFields root, JsonFields::Of(json, files.config));
  const bool timm = root.Has("architecture"), hf = root.Has("model_type");
  if (!timm && !hf) {
    return root.Unexpected("architecture",
                           "a timm model's name, e.g. \"vit_base_patch16_224\", or the "
                           "\"model_type\" of a Hugging Face transformers model");
  }
  return hf ? ReadHf(text, files, checkpoint) : ReadTimm(text, files, checkpoint);
}

std::optional<PatchGrid> StoredGrid(int patches, PatchGrid target) {
  if (patches < 1) return std::nullopt;
  if (patches == target.height * target.width) return target;
  const int side = static_cast<int>(std::lround(std::sqrt(patches)));
  if (side * side != patches) return std::nullopt;
  return PatchGrid{side, side};
}

}  // namespace snapvit
