// What ReadTimmConfig refuses, and how it says so: the file, the field or tensor, the value, what
// was expected.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "core/model/timm_config.h"
#include "tests/unit/core/model/timm_indexes.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& json, const CheckpointIndex& index) {
  const auto config = Read(json, index);
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(config.status().message());
}

struct BadConfig {
  const char* name;
  const char* json;
  const char* message;  // part of it
};

std::ostream& operator<<(std::ostream& out, const BadConfig& bad) { return out << bad.name; }

// config.json files beside SmallVit's tensors.
class BadConfigTest : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigTest, IsRefusedWithAReason) {
  const std::string error = ErrorOf(GetParam().json, IndexOf(SmallVit()));
  EXPECT_THAT(error, HasSubstr(GetParam().message));
  EXPECT_THAT(error, HasSubstr("dir/config.json"));
}

const BadConfig kBadConfigs[] = {
    {"Malformed", "{\"architecture\": ", "is not valid JSON at line 1, column"},
    {"NotAnObject", "[1]", "is [1], expected a JSON object"},
    {"NoArchitecture", "{}", "\"architecture\" is not given, expected a timm model's name"},
    {"Eva02", R"({"architecture": "eva02_base_patch14_448"})",
     "uses EVA02's blocks (of timm's Eva models, DINOv3 is supported), which is not supported"},
    {"OtherRope", R"({"architecture": "vit_base_patch16_rope_224"})", "another kind than DINOv3's"},
    {"ArchitectureIsNumber", R"({"architecture": 5})", "\"architecture\" is 5, expected a string"},
    {"HeadsUnknown", R"({"architecture": "my_vit"})", "Add \"num_heads\" to \"model_args\""},
    {"HeadsDoNotDivide", R"({"architecture": "x", "model_args": {"num_heads": 5}})",
     "5 heads (model_args.num_heads) do not divide the width 24"},
    {"HeadsZero", R"({"architecture": "x", "model_args": {"num_heads": 0}})",
     "model_args: \"num_heads\" is 0, expected an integer from 1"},
    {"HeadsText", R"({"architecture": "x", "model_args": {"num_heads": "3"}})",
     "model_args: \"num_heads\" is \"3\", expected an integer"},
    {"WidthOfTheTable", R"({"architecture": "vit_base_patch8_224"})",
     "\"embed_dim\" is 768, but dir/model.safetensors has 24 (by patch_embed.proj.weight)"},
    {"PatchOfTheName",
     R"({"architecture": "vit_tiny_patch16_224", "model_args": {"embed_dim": 24}})",
     "\"patch_size\" is 16, but dir/model.safetensors has 8"},
    {"DepthDiffers", R"({"architecture": "x", "model_args": {"num_heads": 3, "depth": 12}})",
     "\"depth\" is 12, but dir/model.safetensors has 2"},
    {"HiddenDiffers", R"({"architecture": "x", "model_args": {"num_heads": 3, "mlp_ratio": 3.5}})",
     "\"mlp_ratio\" 3.5 gives 84 channels, but dir/model.safetensors has 96"},
    {"QkvBiasDiffers",
     R"({"architecture": "x", "model_args": {"num_heads": 3, "qkv_bias": false}})",
     "\"qkv_bias\" is false, but dir/model.safetensors has true"},
    {"ClassTokenDiffers",
     R"({"architecture": "x", "model_args": {"num_heads": 3, "class_token": false}})",
     "\"class_token\" is false"},
    {"FcNormDiffers", R"({"architecture": "x", "model_args": {"num_heads": 3, "fc_norm": true}})",
     "\"fc_norm\" is true"},
    {"NoEmbedClassDiffers",
     R"({"architecture": "x", "model_args": {"num_heads": 3, "no_embed_class": true}})",
     "\"no_embed_class\" is true"},
    {"ClassesDiffer",
     R"({"architecture": "x", "num_classes": 1000, "model_args": {"num_heads": 3}})",
     "\"num_classes\" is 1000, but head.weight of dir/model.safetensors has 7 rows"},
    {"LabelsTooFew",
     R"({"architecture": "x", "label_names": ["a"], "model_args": {"num_heads": 3}})",
     "\"label_names\" has 1 names, expected 7"},
    {"LabelsNoStrings",
     R"({"architecture": "x", "label_names": [1], "model_args": {"num_heads": 3}})",
     "\"label_names\" is [1], expected a list of strings"},
    {"LabelsNoList", R"({"architecture": "x", "label_names": "a", "model_args": {"num_heads": 3}})",
     "expected a list of strings"},
    {"LabelKeyNoIndex",
     R"({"architecture": "x", "label_names": {"-1": "a"}, "model_args": {"num_heads": 3}})",
     "expected a list of strings, or {class index: string}"},
    {"LabelIndexHuge",
     R"({"architecture": "x", "label_names": {"4000000000": "a"}, "model_args": {"num_heads": 3}})",
     "expected a list of strings, or {class index: string}"},
    {"PoolingUnknown",
     R"({"architecture": "x", "global_pool": "max", "model_args": {"num_heads": 3}})",
     "\"global_pool\" is \"max\", expected \"token\", \"avg\" or \"map\""},
    {"PoolingWithoutItsTensors",
     R"({"architecture": "x", "global_pool": "map", "model_args": {"num_heads": 3}})",
     "\"global_pool\" is \"map\", but dir/model.safetensors has no tensor \"attn_pool.latent\""},
    {"LayerScale", R"({"architecture": "x", "model_args": {"num_heads": 3, "init_values": 1e-5}})",
     "\"init_values (LayerScale)\" is true, but dir/model.safetensors has false (by blocks.0.ls1"},
    {"Registers", R"({"architecture": "x", "model_args": {"num_heads": 3, "reg_tokens": 4}})",
     "\"reg_tokens\" is 4, but dir/model.safetensors has 0 (by reg_token)"},
    {"QkNorm", R"({"architecture": "x", "model_args": {"num_heads": 3, "qk_norm": true}})",
     "\"qk_norm\" is true, but dir/model.safetensors has false (by blocks.0.attn.q_norm.weight)"},
    {"OtherActivation",
     R"({"architecture": "x", "model_args": {"num_heads": 3, "act_layer": "relu"}})",
     "\"act_layer\" is \"relu\", expected \"gelu\", \"gelu_tanh\""},
    {"UnknownArgument", R"({"architecture": "x", "model_args": {"num_heads": 3, "rope": 1}})",
     "\"rope\" = 1 is not supported"},
    {"FourChannels", R"({"architecture": "x", "model_args": {"num_heads": 3, "in_chans": 4}})",
     "\"in_chans\" is 4, expected 3"},
    {"RotaryOfTheWrongArchitecture",
     R"({"architecture": "x", "model_args": {"num_heads": 3, "use_rot_pos_emb": true}})",
     "\"use_rot_pos_emb\" is true, expected false"},
    {"OtherNorm",
     R"({"architecture": "x", "model_args": {"num_heads": 3, "norm_layer": "rmsnorm"}})",
     "\"norm_layer\" is \"rmsnorm\", expected \"layernorm\""},
    {"Interpolation", R"({"architecture": "x", "model_args": {"num_heads": 3},
       "pretrained_cfg": {"interpolation": "random"}})",
     R"("interpolation" is "random", expected one of "bilinear" "bicubic" "lanczos" "nearest")"},
    {"CropMode", R"({"architecture": "x", "pretrained_cfg": {"crop_mode": "random"}})",
     R"("crop_mode" is "random", expected one of "center" "squash" "border")"},
    {"CropPctZero", R"({"architecture": "x", "pretrained_cfg": {"crop_pct": 0}})",
     "\"crop_pct\" is 0, expected a number from 0.01 to 2"},
    {"StdZero", R"({"architecture": "x", "pretrained_cfg": {"std": [0.2, 0, 0.2]}})",
     "\"std\" is [0.2,0,0.2], expected an array of 3 numbers"},
    {"MeanOfOne", R"({"architecture": "x", "pretrained_cfg": {"mean": [0.5]}})",
     "\"mean\" is [0.5]"},
    {"InputGrey", R"({"architecture": "x", "pretrained_cfg": {"input_size": [1, 32, 32]}})",
     "\"input_size\" is [1,32,32], expected [3, height, width]"},
    {"InputHuge", R"({"architecture": "x", "pretrained_cfg": {"input_size": [3, 32, 1000000000]}})",
     "\"input_size\" is [3,32,1000000000]"},
    {"InputNegative", R"({"architecture": "x", "pretrained_cfg": {"input_size": [3, -32, 32]}})",
     "\"input_size\" is [3,-32,32]"},
    {"ImageSizeHuge",
     R"({"architecture": "x", "model_args": {"num_heads": 3, "img_size": 99999999999}})",
     "\"img_size\" is 99999999999, expected an integer, or [height, width]"},
    {"InputSmallerThanAPatch",
     R"({"architecture": "x", "model_args": {"num_heads": 3, "img_size": 7}})",
     "the input 7x7 has no whole patch of 8x8 pixels"},
    {"PatchNotSquare",
     R"({"architecture": "x", "model_args": {"num_heads": 3, "patch_size": [8, 4]}})",
     "\"patch_size\" is [8,4], expected square patches"},
    {"UnknownCfgField", R"({"architecture": "x", "pretrained_cfg": {"pad_color": 3}})",
     "pretrained_cfg: \"pad_color\" = 3 is not supported"},
    {"UnknownField", R"({"architecture": "x", "quantization_config": {"bits": 4}})",
     "\"quantization_config\" = {\"bits\":4} is not supported"},
    // timm reads it from pretrained_cfg alone, if there is one.
    {"CfgFieldBesideCfg", R"({"architecture": "x", "mean": [0.5, 0.5, 0.5], "pretrained_cfg": {}})",
     "\"mean\" = [0.5,0.5,0.5] is not supported"},
    {"LabelOffset", R"({"architecture": "x", "pretrained_cfg": {"label_offset": 1}})",
     "\"label_offset\" is 1, expected 0"},
    {"CfgIsNoObject", R"({"architecture": "x", "pretrained_cfg": 3})",
     "pretrained_cfg is 3, expected a JSON object"},
};

INSTANTIATE_TEST_SUITE_P(TimmConfigRefusals, BadConfigTest, ::testing::ValuesIn(kBadConfigs),
                         [](const auto& test) { return std::string(test.param.name); });

constexpr char kPlain[] = R"({"architecture": "x", "model_args": {"num_heads": 3}})";

struct BadTensors {
  const char* name;
  std::function<void(CheckpointIndex&)> damage;  // to SmallVit's tensors
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const BadTensors& bad) { return out << bad.name; }

class BadTensorsTest : public ::testing::TestWithParam<BadTensors> {};

TEST_P(BadTensorsTest, IsRefusedWithAReason) {
  CheckpointIndex index = IndexOf(SmallVit());
  GetParam().damage(index);
  const std::string error = ErrorOf(kPlain, index);
  EXPECT_THAT(error, HasSubstr(GetParam().message));
  EXPECT_THAT(error, HasSubstr("dir/model.safetensors"));
}

std::function<void(CheckpointIndex&)> Add(const char* name, TensorShape shape) {
  return [=](CheckpointIndex& index) { AddTensor(index, name, shape); };
}
std::function<void(CheckpointIndex&)> Drop(const char* name) {
  return [=](CheckpointIndex& index) { index.tensors.erase(name); };
}

const BadTensors kBadTensors[] = {
    {"NotTimm", [](CheckpointIndex& index) { index.tensors.clear(); },
     "tensor \"patch_embed.proj.weight\" is missing; every such model has it"},
    {"PatchOfRankTwo", Add("patch_embed.proj.weight", {24, 192}),
     "tensor \"patch_embed.proj.weight\" has shape [24, 192], expected 4 dimensions"},
    {"PatchNotSquare", Add("patch_embed.proj.weight", {24, 3, 8, 4}), "expected [24, 3, p, p]"},
    {"PatchOfFourChannels", Add("patch_embed.proj.weight", {24, 4, 8, 8}),
     "expected [24, 3, p, p]"},
    {"WidthZero", Add("patch_embed.proj.weight", {0, 3, 8, 8}), "expected 4 dimensions from 1"},
    {"WidthHuge", Add("patch_embed.proj.weight", {INT64_MAX, 3, 8, 8}),
     "expected 4 dimensions from 1"},
    {"NoPositions", Drop("pos_embed"), "tensor \"pos_embed\" is missing"},
    {"PositionsOfAnotherSize", Add("pos_embed", {1, 198, 24}),
     "with 198 positions is not that of a square"},
    {"PositionsOfAnotherWidth", Add("pos_embed", {1, 17, 23}), "expected [1, rows, 24]"},
    {"BiasMissing", Drop("blocks.1.mlp.fc2.bias"),
     "tensor \"blocks.1.mlp.fc2.bias\" is missing, expected shape [24]"},
    {"OneBlockDiffers", Add("blocks.1.mlp.fc1.weight", {95, 24}),
     "tensor \"blocks.1.mlp.fc1.weight\" has shape [95, 24], expected [96, 24]"},
    {"QkvOfAnotherWidth", Add("blocks.0.attn.qkv.weight", {71, 24}),
     "tensor \"blocks.0.attn.qkv.weight\" has shape [71, 24], expected [72, 24]"},
    {"HoleInTheBlocks", Add("blocks.7.norm1.weight", {24}), "tensor \"blocks.2."},
    {"NoNorm", Drop("norm.weight"), "tensor \"norm.weight\" is missing"},
    {"HeadBiasMissing", Drop("head.bias"), "tensor \"head.bias\" is missing, expected shape [7]"},
    {"Unknown", Add("rope.freqs", {4}),
     "tensor \"rope.freqs\" is not part of a timm VisionTransformer model"},
    {"LayerScaleOfHalfABlock", Add("blocks.0.ls1.gamma", {24}),
     "tensor \"blocks.1.ls1.gamma\" is missing, expected shape [24]"},
    {"LayerScaleOfTheSecondBlock", Add("blocks.1.ls1.gamma", {24}),
     "tensor \"blocks.1.ls1.gamma\" is not part of this model (2 blocks, 7 classes)"},
    {"LayerScaleTwice",
     [](CheckpointIndex& index) {
       AddTensor(index, "blocks.0.ls1.gamma", {24});
       AddTensor(index, "blocks.0.gamma_1", {24});
     },
     "says the same as tensor \"blocks.0.gamma_1\""},
    {"DistilledWithoutItsPosition", Add("dist_token", {1, 1, 24}),
     "with 17 positions is not that of a square"},
    {"HalfANorm", Add("norm_pre.weight", {24}), "tensor \"norm_pre.bias\" is missing"},
    {"HalfAPoolingHead", Add("attn_pool.latent", {1, 1, 24}),
     "tensor \"attn_pool.mlp.fc1.weight\" is missing"},
    {"TwoFinalNorms",
     [](CheckpointIndex& index) {
       AddTensor(index, "fc_norm.weight", {24});
       AddTensor(index, "fc_norm.bias", {24});
     },
     "tensor \"norm.weight\" is not part of this model"},
    {"GateOfEva02", Add("blocks.0.mlp.fc1_g.weight", {96, 24}), "belongs to a gated MLP in two"},
    {"BiasOfEva", Add("blocks.0.attn.q_bias", {24}), "belongs to separate query and value biases"},
    {"NormInTheMlp", Add("blocks.0.mlp.norm.weight", {96}), "belongs to a norm inside the MLP"},
    {"IntegerWeights",
     [](CheckpointIndex& index) { index.tensors["norm.weight"].dtype = TensorDtype::kI64; },
     "tensor \"norm.weight\" has dtype I64, expected F32, F16 or BF16"},
};

INSTANTIATE_TEST_SUITE_P(TimmConfigRefusals, BadTensorsTest, ::testing::ValuesIn(kBadTensors),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(TimmConfigRefusals, PositionsThatDoNotFitTheInputAndAreNoSquare) {
  const std::string error = ErrorOf(R"({"architecture": "x", "model_args": {"num_heads": 3},
      "pretrained_cfg": {"input_size": [3, 224, 224]}})",
                                    IndexOf(SmallVit(), 16 + 5));
  EXPECT_THAT(error, HasSubstr("tensor \"pos_embed\" has 21 positions, expected 785 for input "
                               "224x224 in patches of 8 with 1 tokens before them"));
}

TEST(TimmConfigRefusals, TokenPoolingWithoutClassToken) {
  VitConfig vit = SmallVit();
  vit.class_token = false;
  EXPECT_THAT(
      ErrorOf(R"({"architecture": "x", "global_pool": "token", "model_args": {"num_heads": 3}})",
              IndexOf(vit)),
      HasSubstr("has no tensor \"cls_token\"; expected \"avg\""));
}

TEST(TimmConfigRefusals, AClassifierThatIsMissing) {
  VitConfig vit = SmallVit();
  vit.num_classes = 0;
  EXPECT_THAT(ErrorOf(R"({"architecture": "x", "num_classes": 7, "model_args": {"num_heads": 3}})",
                      IndexOf(vit)),
              HasSubstr("has no classes: it is missing"));
}

TEST(TimmConfigRefusals, InputSizeThatNothingTells) {
  VitConfig vit = SmallVit();
  vit.image_width = 40;
  EXPECT_THAT(ErrorOf(kPlain, IndexOf(vit)), HasSubstr("does not give the input size"));
}

}  // namespace
}  // namespace snapvit
