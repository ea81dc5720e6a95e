#include "core/model/hf_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

CheckpointIndex EmptyIndex() {
  CheckpointIndex index;
  index.path = "dir/model.safetensors";
  index.files = {index.path};
  return index;
}

void Add(CheckpointIndex& index, const std::string& name, TensorShape shape) {
  index.tensors[name] = {.dtype = TensorDtype::kF32, .shape = std::move(shape)};
}

void AddLinear(CheckpointIndex& index, const std::string& name, int64_t out, int64_t in) {
  Add(index, name + ".weight", {out, in});
  Add(index, name + ".bias", {out});
}

void AddNorm(CheckpointIndex& index, const std::string& name, int64_t width) {
  Add(index, name + ".weight", {width});
  Add(index, name + ".bias", {width});
}

// A ViT of 32×32 pixels in patches of 8, width 24, 2 layers, MLP 96, 7 classes, in the names of
// transformers' files or of its memory.
CheckpointIndex VitIndex(bool files, const std::string& prefix = "vit.") {
  CheckpointIndex index = EmptyIndex();
  Add(index, prefix + "embeddings.cls_token", {1, 1, 24});
  Add(index, prefix + "embeddings.position_embeddings", {1, 17, 24});
  Add(index, prefix + "embeddings.patch_embeddings.projection.weight", {24, 3, 8, 8});
  Add(index, prefix + "embeddings.patch_embeddings.projection.bias", {24});
  for (int i = 0; i < 2; ++i) {
    const std::string layer = absl::StrCat(prefix, files ? "encoder.layer." : "layers.", i, ".");
    AddNorm(index, layer + "layernorm_before", 24);
    AddNorm(index, layer + "layernorm_after", 24);
    AddLinear(index, layer + (files ? "attention.attention.query" : "attention.q_proj"), 24, 24);
    AddLinear(index, layer + (files ? "attention.attention.key" : "attention.k_proj"), 24, 24);
    AddLinear(index, layer + (files ? "attention.attention.value" : "attention.v_proj"), 24, 24);
    AddLinear(index, layer + (files ? "attention.output.dense" : "attention.o_proj"), 24, 24);
    AddLinear(index, layer + (files ? "intermediate.dense" : "mlp.fc1"), 96, 24);
    AddLinear(index, layer + (files ? "output.dense" : "mlp.fc2"), 24, 96);
  }
  AddNorm(index, prefix + "layernorm", 24);
  AddLinear(index, "classifier", 7, 24);
  return index;
}

constexpr char kVit[] = R"({"model_type": "vit", "hidden_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 3, "intermediate_size": 96, "image_size": 32, "patch_size": 8,
    "architectures": ["ViTForImageClassification"], "attention_probs_dropout_prob": 0.1,
    "transformers_version": "4.20.0", "torch_dtype": "float32")";

Preprocessing Input(int height, int width) {
  Preprocessing preprocessing;
  preprocessing.height = height;
  preprocessing.width = width;
  return preprocessing;
}

absl::StatusOr<CheckpointConfig> Read(const std::string& json, const CheckpointIndex& index,
                                      const Preprocessing& preprocessing = {}) {
  return ReadHfConfig(json, index, "dir/config.json", preprocessing);
}

TEST(HfConfig, ReadsAVitByTheNamesOfFilesAndOfMemory) {
  for (const bool files : {true, false}) {
    for (const char* prefix : {"vit.", ""}) {
      const auto config = Read(std::string(kVit) + "}", VitIndex(files, prefix));
      ASSERT_TRUE(config.ok()) << config.status();
      const VitConfig& model = config->model;
      EXPECT_EQ(model.architecture, "vit");
      EXPECT_EQ(model.embed_dim, 24);
      EXPECT_EQ(model.depth, 2);
      EXPECT_EQ(model.num_heads, 3);
      EXPECT_EQ(model.mlp_hidden, 96);
      EXPECT_EQ(model.num_classes, 7);
      EXPECT_EQ(model.tokens(), 17);
      EXPECT_EQ(model.block.norm_eps, 1e-12);  // of the configuration's class
      EXPECT_EQ(model.block.activation, Activation::kGelu);
      EXPECT_EQ(model.pooling, ModelPooling::kClassToken);
      EXPECT_EQ(config->preprocessing.height, 32);
      EXPECT_EQ(config->positions.prefix_rows, 1);
    }
  }
}

TEST(HfConfig, LeavesOutWhatOnlyPretrainingUses) {
  CheckpointIndex index = VitIndex(true);
  AddLinear(index, "vit.pooler.dense", 24, 24);
  Add(index, "vit.embeddings.mask_token", {1, 1, 24});
  AddLinear(index, "decoder.decoder_embed", 16, 24);
  EXPECT_TRUE(Read(std::string(kVit) + "}", index).ok());
}

// transformers makes position embeddings fit without antialiasing.
TEST(HfConfig, TheInputSizeIsThePreprocessors) {
  const auto config = Read(std::string(kVit) + "}", VitIndex(true), Input(48, 40));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.image_height, 48);
  EXPECT_EQ(config->model.patches(), 30);
  EXPECT_EQ(config->positions.grid_height, 4);
  EXPECT_EQ(config->positions.resampling, PositionResampling::kBicubic);
}

TEST(HfConfig, LabelsAreSortedAndPlaceholdersAreNone) {
  const std::string names =
      R"(, "id2label": {"6": "g", "0": "a", "1": "b", "2": "c", "3": "d", "4": "e", "5": "f"}})";
  EXPECT_THAT(Read(kVit + names, VitIndex(true))->labels,
              ElementsAre("a", "b", "c", "d", "e", "f", "g"));
  const std::string made_up =
      R"(, "id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2", "3": "LABEL_3",
          "4": "LABEL_4", "5": "LABEL_5", "6": "LABEL_6"}})";
  EXPECT_THAT(Read(kVit + made_up, VitIndex(true))->labels, IsEmpty());
}

CheckpointIndex DeitIndex() {
  CheckpointIndex index = VitIndex(true, "deit.");
  Add(index, "deit.embeddings.distillation_token", {1, 1, 24});
  Add(index, "deit.embeddings.position_embeddings", {1, 18, 24});
  return index;
}

std::string Deit() {
  std::string json = kVit;
  json.replace(json.find("\"vit\""), 5, "\"deit\"");
  return json + "}";
}

TEST(HfConfig, ADeitEmbedsTwoTokensAndClassifiesByItsHeads) {
  CheckpointIndex index = DeitIndex();
  auto config = Read(Deit(), index);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.pooling, ModelPooling::kClassAndDistillation);
  EXPECT_EQ(config->model.classifier_input, ClassifierInput::kClassToken);
  EXPECT_EQ(config->positions.prefix_rows, 2);

  for (const char* part : {"classifier.weight", "classifier.bias"}) index.tensors.erase(part);
  AddLinear(index, "cls_classifier", 7, 24);
  AddLinear(index, "distillation_classifier", 7, 24);
  config = Read(Deit(), index);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.classifier_input, ClassifierInput::kClassAndDistillation);
}

// A CLIP of image and text: the vision tower, with an old config's repetition of itself.
TEST(HfConfig, ReadsTheVisionTowerOfClip) {
  CheckpointIndex index = EmptyIndex();
  const std::string vision = "vision_model.";
  Add(index, vision + "embeddings.class_embedding", {24});
  Add(index, vision + "embeddings.position_embedding.weight", {17, 24});
  Add(index, vision + "embeddings.patch_embedding.weight", {24, 3, 8, 8});
  Add(index, vision + "embeddings.position_ids", {1, 17});
  index.tensors[vision + "embeddings.position_ids"].dtype = TensorDtype::kI64;
  AddNorm(index, vision + "pre_layrnorm", 24);
  AddNorm(index, vision + "post_layernorm", 24);
  const std::string layer = vision + "encoder.layers.0.";
  AddNorm(index, layer + "layer_norm1", 24);
  AddNorm(index, layer + "layer_norm2", 24);
  for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
    AddLinear(index, layer + "self_attn." + name, 24, 24);
  }
  AddLinear(index, layer + "mlp.fc1", 96, 24);
  AddLinear(index, layer + "mlp.fc2", 24, 96);
  Add(index, "visual_projection.weight", {16, 24});
  Add(index, "text_projection.weight", {16, 8});
  Add(index, "text_model.embeddings.token_embedding.weight", {100, 8});
  Add(index, "logit_scale", {});
  const std::string tower = R"({"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3,
      "intermediate_size": 96, "image_size": 32, "patch_size": 8, "top_p": 1.0})";
  const auto config = Read(R"({"model_type": "clip", "projection_dim": 16, "text_config": {},
      "vision_config": {}, "vision_config_dict": )" +
                               tower + "}",
                           index);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.projection_dim, 16);
  EXPECT_TRUE(config->model.norm_before);
  EXPECT_EQ(config->model.block.activation, Activation::kQuickGelu);
  EXPECT_EQ(config->model.block.norm_eps, 1e-5);
  EXPECT_EQ(config->model.num_classes, 0);

  const auto other = Read(
      R"({"model_type": "clip", "projection_dim": 17, "vision_config": )" + tower + "}", index);
  EXPECT_THAT(std::string(other.status().message()),
              HasSubstr("dir/config.json: vision_config: \"projection_dim\""));
}

struct BadModel {
  const char* name;
  std::string fields;  // more of config.json
  std::function<void(CheckpointIndex&)> damage;
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const BadModel& bad) { return out << bad.name; }

class BadHfModelTest : public ::testing::TestWithParam<BadModel> {};

TEST_P(BadHfModelTest, IsRefusedWithAReason) {
  CheckpointIndex index = VitIndex(true);
  GetParam().damage(index);
  const auto config = Read(std::string(kVit) + GetParam().fields + "}", index);
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(GetParam().message));
}

std::function<void(CheckpointIndex&)> Nothing() {
  return [](CheckpointIndex&) {};
}
std::function<void(CheckpointIndex&)> Put(const char* name, TensorShape shape) {
  return [=](CheckpointIndex& index) { Add(index, name, shape); };
}

INSTANTIATE_TEST_SUITE_P(
    HfConfig, BadHfModelTest,
    ::testing::Values(
        BadModel{"UnknownField", R"(, "use_swiglu": true)", Nothing(),
                 "dir/config.json: \"use_swiglu\" = true is not supported"},
        BadModel{"Quantised", R"(, "quantization_config": {"bits": 4})", Nothing(),
                 "\"quantization_config\" = {\"bits\":4} is not supported"},
        BadModel{"Activation", R"(, "hidden_act": "relu")", Nothing(),
                 "\"hidden_act\" is \"relu\", expected \"gelu\""},
        BadModel{"PrunedHeads", R"(, "pruned_heads": {"0": [1]})", Nothing(), "\"pruned_heads\""},
        BadModel{"Channels", R"(, "num_channels": 1)", Nothing(),
                 "\"num_channels\" is 1, expected 3"},
        BadModel{"QkvBias", R"(, "qkv_bias": false)", Nothing(),
                 "\"qkv_bias\" is false, but dir/model.safetensors has true (by "
                 "vit.encoder.layer.0.attention.attention.query.bias)"},
        BadModel{"HeadDim", R"(, "head_dim": 16)", Nothing(), "\"head_dim\" is 16, expected 8"},
        BadModel{"Labels", R"(, "id2label": {"0": "a"})", Nothing(),
                 "expected names of the classes 0 to 6"},
        BadModel{"Registers", R"(, "num_register_tokens": 4)", Nothing(),
                 "\"num_register_tokens\" is 4, but dir/model.safetensors has 0"},
        BadModel{"Gate", R"(, "use_gated_mlp": true)", Nothing(), "\"use_gated_mlp\" is true, but"},
        BadModel{"UnknownTensor", "", Put("vit.encoder.layer.0.attention.gate.weight", {3, 24}),
                 "is not part of a transformers ViT or DeiT model"},
        BadModel{"Positions", "", Put("vit.embeddings.position_embeddings", {1, 26, 24}),
                 "has 26 positions, expected 17 by \"image_size\" 32x32"},
        BadModel{"Distilled", "", Put("vit.embeddings.distillation_token", {1, 1, 24}),
                 "is not expected for model_type \"vit\""},
        BadModel{"Shape", "", Put("vit.encoder.layer.1.output.dense.weight", {24, 95}),
                 "tensor \"vit.encoder.layer.1.output.dense.weight\" has shape [24, 95], expected "
                 "[24, 96]"},
        BadModel{"Missing", "",
                 [](CheckpointIndex& index) {
                   index.tensors.erase("vit.encoder.layer.1.attention.attention.key.bias");
                 },
                 "tensor \"vit.encoder.layer.1.attention.attention.key.bias\" is missing"},
        BadModel{"ClassifierOfHalfAModel", "",
                 [](CheckpointIndex& index) { index.tensors.erase("classifier.bias"); },
                 "tensor \"classifier.bias\" is missing, expected shape [7]"},
        BadModel{
            "BothNames", "", Put("vit.layers.0.attention.q_proj.weight", {24, 24}),
            "says the same as tensor \"vit.encoder.layer.0.attention.attention.query.weight\""}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(HfConfig, AFieldThatIsLeftOutIsTheDefault) {
  EXPECT_THAT(
      std::string(Read(R"({"model_type": "vit"})", VitIndex(true)).status().message()),
      HasSubstr("\"hidden_size\" is 768 (not given: the default), but dir/model.safetensors "
                "has 24 (by vit.embeddings.patch_embeddings.projection.weight)"));
}

TEST(HfConfig, NamesTheModelTypesThatAreSupported) {
  const auto message = [](const std::string& type) {
    return std::string(Read(R"({"model_type": ")" + type + "\"}", EmptyIndex()).status().message());
  };
  EXPECT_THAT(message("swin"),
              HasSubstr("\"model_type\" is \"swin\", expected one of vit, vit_mae"));
  EXPECT_THAT(message("siglip2"), HasSubstr("NaFlex is not supported"));
}

}  // namespace
}  // namespace snapvit
