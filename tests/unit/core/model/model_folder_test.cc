#include "core/model/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "core/base/file.h"
#include "core/model/model_limits.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Golden(const std::string& name) {
  return SNAPVIT_SOURCE_DIR "/tests/testdata/models/" + name;
}

// Mapped addresses of this process that belong to `path`.
int MappingsOf(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find(path) != std::string::npos;
  return count;
}

bool LiesIn(const at::Tensor& tensor, std::span<const std::byte> bytes) {
  const auto* data = static_cast<const std::byte*>(tensor.const_data_ptr());
  return data >= bytes.data() && data < bytes.data() + bytes.size();
}

TEST(ModelFolder, LoadsEverythingOfTheDemoModel) {
  const auto model = LoadModelFolder(SNAPVIT_SOURCE_DIR "/models/demo");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->name, "demo");
  EXPECT_EQ(model->config.depth, 6);
  EXPECT_EQ(model->config.num_heads, 6);
  EXPECT_EQ(model->config.tokens(), 65);
  EXPECT_EQ(model->config.num_classes, 10);
  EXPECT_EQ(model->labels.at(3), "cat");
  EXPECT_EQ(model->preprocessing.resize, ResizeMode::kStretch);
  EXPECT_EQ(model->weights.blocks.size(), 6u);
  EXPECT_EQ(model->weights.blocks[5].query.weight.scalar_type(), at::kBFloat16);
}

TEST(ModelFolder, EveryTensorIsAViewOfTheFile) {
  auto model = LoadModelFolder(Golden("non_square_no_qkv_bias"));
  ASSERT_TRUE(model.ok()) << model.status();
  int64_t bytes = 0;
  for (const at::Tensor* tensor : TensorsOf(model->weights)) {
    if (!tensor->defined()) continue;
    EXPECT_TRUE(LiesIn(*tensor, model->files[0]->bytes()));
    bytes += static_cast<int64_t>(tensor->nbytes());
  }
  int64_t of_file = 0;
  for (const std::string& name : model->files[0]->Names()) {
    of_file += static_cast<int64_t>(model->files[0]->Tensor(name)->bytes.size());
  }
  EXPECT_EQ(bytes, of_file);
  EXPECT_FALSE(model->weights.blocks[0].query.bias.defined());
}

// What a file packs (q | k | v, k | v, gate | value) is read as slices of it, of shards as of one
// file.
TEST(ModelFolder, PackedTensorsAreSlices) {
  const auto lies_in_one = [](const at::Tensor& tensor, const ModelFolder& model) {
    return std::any_of(model.files.begin(), model.files.end(),
                       [&](const auto& file) { return LiesIn(tensor, file->bytes()); });
  };
  for (const char* name : {"timm_siglip", "hf_siglip", "timm_dinov2_swiglu", "hf_dinov2_swiglu",
                           "hf_dinov2_sharded"}) {
    auto model =
        LoadModelFolder(SNAPVIT_SOURCE_DIR "/tests/testdata/families/" + std::string(name));
    ASSERT_TRUE(model.ok()) << model.status();
    for (const at::Tensor* tensor : TensorsOf(model->weights)) {
      const bool put_together =
          tensor == &model->weights.prefix || tensor == &model->weights.position_embedding;
      if (!tensor->defined() || put_together) continue;
      EXPECT_TRUE(lies_in_one(*tensor, *model)) << name;
    }
    EXPECT_EQ(model->files.size(), name == std::string("hf_dinov2_sharded") ? 3u : 1u);
  }
}

TEST(ModelFolder, ReadsTheLabelsOfBothFormats) {
  const std::string families = SNAPVIT_SOURCE_DIR "/tests/testdata/families/";
  EXPECT_THAT(LoadModelFolder(families + "hf_vit")->labels, ElementsAre("cat", "dog", "owl"));
  EXPECT_EQ(LoadModelFolder(families + "timm_clip_classifier")->labels.at(6), "class 6");
  EXPECT_TRUE(LoadModelFolder(families + "hf_deit")->labels.empty());
}

// A tensor outlives the folder it came from, and the mapping goes with the last one.
TEST(ModelFolder, TheMappingLivesAsLongAsATensorNeedsIt) {
  const std::string path = Golden("cls_token") + "/model.safetensors";
  const int before = MappingsOf(path);
  at::Tensor kept;
  {
    const auto model = LoadModelFolder(Golden("cls_token"));
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(MappingsOf(path), before + 1);
    kept = model->weights.head.bias;
  }
  EXPECT_EQ(MappingsOf(path), before + 1);
  EXPECT_EQ(kept.sum().isnan().item<bool>(), false);
  kept.reset();
  EXPECT_EQ(MappingsOf(path), before);
}

TEST(ModelFolder, Float32CopiesOwnTheirMemory) {
  for (const char* name : {"cls_token", "patch14_bf16"}) {
    auto model = LoadModelFolder(Golden(name));
    ASSERT_TRUE(model.ok()) << model.status();
    auto copy = ToFloat32(model->weights);
    ASSERT_TRUE(copy.ok()) << copy.status();
    for (const at::Tensor* tensor : TensorsOf(*copy)) {
      if (!tensor->defined()) continue;
      EXPECT_EQ(tensor->scalar_type(), at::kFloat);
      EXPECT_FALSE(LiesIn(*tensor, model->files[0]->bytes()));
    }
    EXPECT_TRUE(copy->head.weight.equal(model->weights.head.weight.to(at::kFloat)));
  }
}

TEST(ModelFolder, PositionsOfPatchesAloneGetAZeroRowForTheClassToken) {
  const auto model = LoadModelFolder(Golden("no_embed_class_f16"));
  ASSERT_TRUE(model.ok()) << model.status();
  const at::Tensor& positions = model->weights.position_embedding;
  EXPECT_THAT(positions.sizes().vec(),
              ElementsAre(1, model->config.tokens(), model->config.embed_dim));
  EXPECT_EQ(positions.scalar_type(), at::kHalf);
  EXPECT_EQ(positions[0][0].abs().sum().item<float>(), 0);
  EXPECT_GT(positions[0][1].abs().sum().item<float>(), 0);
}

// One tensor in f32 among bf16 ones (norms, usually): all weights are widened.
TEST(ModelFolder, MixedDtypesBecomeFloat32) {
  const std::string source = Golden("patch14_bf16");
  const auto file = *SafetensorsFile::Open(source + "/model.safetensors");
  std::map<std::string, TensorView> tensors;
  for (const std::string& name : file->Names()) tensors[name] = *file->Tensor(name);
  const std::vector<float> norm(40, 2.0F);
  tensors["norm.weight"] = {TensorDtype::kF32, {40}, std::as_bytes(std::span(norm))};
  const TemporaryFolder folder;
  folder.Write("config.json", *ReadFile(source + "/config.json", kMaxConfigBytes));
  ASSERT_TRUE(WriteSafetensors(folder.path() + "/model.safetensors", tensors).ok());
  auto model = LoadModelFolder(folder.path());
  ASSERT_TRUE(model.ok()) << model.status();
  for (const at::Tensor* tensor : TensorsOf(model->weights)) {
    if (tensor->defined()) {
      EXPECT_EQ(tensor->scalar_type(), at::kFloat);
    }
  }
  EXPECT_EQ(model->weights.norm.weight[7].item<float>(), 2.0F);
}

// The format does not ask for alignment: a file whose data starts at an odd byte is read all the
// same.
TEST(ModelFolder, MisalignedTensorsAreCopied) {
  const std::string source = Golden("cls_token");
  const std::string aligned = *ReadFile(source + "/model.safetensors", kMaxConfigBytes);
  uint64_t header = 0;
  std::memcpy(&header, aligned.data(), sizeof(header));
  const uint64_t longer = header + 1;
  std::string shifted(reinterpret_cast<const char*>(&longer), sizeof(longer));
  shifted += aligned.substr(8, header) + " " + aligned.substr(8 + header);
  const TemporaryFolder folder;
  folder.Write("config.json", *ReadFile(source + "/config.json", kMaxConfigBytes));
  folder.Write("model.safetensors", shifted);
  auto model = LoadModelFolder(folder.path());
  ASSERT_TRUE(model.ok()) << model.status();
  auto original = LoadModelFolder(source);
  const auto ours = TensorsOf(model->weights), theirs = TensorsOf(original->weights);
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i]->defined(), theirs[i]->defined());
    if (!ours[i]->defined()) continue;
    EXPECT_FALSE(LiesIn(*ours[i], model->files[0]->bytes()));
    EXPECT_TRUE(ours[i]->equal(*theirs[i]));
  }
}

TEST(ModelFolder, ErrorsNameWhatIsWrong) {
  EXPECT_EQ(LoadModelFolder("/nonexistent/model").status().code(), absl::StatusCode::kNotFound);
  const TemporaryFolder folder;
  folder.Write("config.json", "{\"architecture\": \"vit_tiny_patch16_224\"");
  folder.Write("model.safetensors", "");
  EXPECT_THAT(std::string(LoadModelFolder(folder.path()).status().message()),
              HasSubstr("model.safetensors: is not a safetensors file: 0 bytes"));
  const auto whole = *ReadFile(Golden("cls_token") + "/model.safetensors", kMaxConfigBytes);
  folder.Write("model.safetensors", whole);
  EXPECT_THAT(std::string(LoadModelFolder(folder.path()).status().message()),
              HasSubstr("config.json is not valid JSON at line 1"));
  folder.Write("model.safetensors", std::string_view(whole).substr(0, whole.size() / 2));
  EXPECT_THAT(std::string(LoadModelFolder(folder.path()).status().message()),
              HasSubstr("do not lie in order"));
}

}  // namespace
}  // namespace snapvit
