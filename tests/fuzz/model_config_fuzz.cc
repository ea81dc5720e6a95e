// config.json and preprocessor_config.json of a model folder, beside the names and shapes of its
// tensors. An input has three parts, divided by lines "---": config.json, preprocessor_config.json,
// and a line "NAME DTYPE EXTENT …" for each tensor.
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/image/preprocess.h"
#include "core/model/checkpoint.h"
#include "core/model/hf_config.h"
#include "core/model/hf_preprocessor.h"
#include "core/model/tensor_dtype.h"
#include "core/model/timm_config.h"
#include "tests/fuzz/fuzz.h"

namespace snapvit {
namespace {

template <typename Delimiter>
std::vector<std::string> Split(const std::string& text, Delimiter delimiter) {
  return absl::StrSplit(text, delimiter);
}

CheckpointIndex ReadIndex(const std::string& text) {
  CheckpointIndex index;
  index.path = "dir/model.safetensors";
  index.files = {index.path};
  for (const std::string& line : Split(text, '\n')) {
    const std::vector<std::string> words = Split(line, ' ');
    if (words.size() < 2) continue;
    const auto dtype = DtypeFromName(words[1]);
    if (!dtype) continue;
    CheckpointIndex::Tensor tensor;
    tensor.dtype = *dtype;
    for (size_t i = 2; i < words.size(); ++i) {
      int64_t extent = 0;  // a container has no other
      if (absl::SimpleAtoi(words[i], &extent) && extent >= 0) tensor.shape.push_back(extent);
    }
    index.tensors[words[0]] = tensor;
  }
  return index;
}

void Check(const CheckpointConfig& config, const CheckpointIndex& index) {
  const VitConfig& model = config.model;
  CHECK_THAT(model.depth >= 1 && model.num_heads >= 1 && model.head_dim >= 1);
  CHECK_THAT(model.embed_dim >= 1 && model.mlp_hidden >= 1 && model.num_classes >= 0);
  CHECK_THAT(model.patch_size >= 1);
  CHECK_THAT(model.image_height >= model.patch_size && model.image_width >= model.patch_size);
  CHECK_THAT(config.labels.empty() ||
             config.labels.size() == static_cast<size_t>(model.num_classes));
  for (const auto& [key, source] : config.tensors.sources()) {
    CHECK_THAT(index.Contains(source.tensor));
    CHECK_THAT(source.part >= 0 && source.part < source.parts);
  }
  const Preprocessing& preprocessing = config.preprocessing;
  CHECK_THAT(ValidatePreprocessing(preprocessing).ok());
  CHECK_THAT(preprocessing.height == model.image_height);
  CHECK_THAT(preprocessing.width == model.image_width);
}

void TryHf(std::string_view config, std::string_view preprocessor, const CheckpointIndex& index) {
  const auto input = ReadHfInput(config, "config.json");
  if (!input.ok()) return;
  const auto preprocessing = ReadHfPreprocessor(preprocessor, "preprocessor_config.json",
                                                {input->model_type, {input->height, input->width}});
  if (!preprocessing.ok()) return;
  const auto read = ReadHfConfig(config, index, "config.json", *preprocessing);
  if (read.ok()) Check(*read, index);
}

}  // namespace
}  // namespace snapvit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::string> parts =
      snapvit::Split(std::string(snapvit::AsText(data, size)), absl::MaxSplits("\n---\n", 2));
  parts.resize(3);
  const snapvit::CheckpointIndex index = snapvit::ReadIndex(parts[2]);
  const auto timm = snapvit::ReadTimmConfig(parts[0], index, "config.json");
  if (timm.ok()) {
    snapvit::Check(timm->checkpoint, index);
    if (timm->head_may_be_projection) {
      snapvit::Check(snapvit::WithHeadAsProjection(timm->checkpoint), index);
    }
  }
  snapvit::TryHf(parts[0], parts[1], index);
  return 0;
}
