#include "core/model/timm_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/core/model/timm_indexes.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What timm 1.0.31 writes for SmallVit.
constexpr char kWritten[] = R"({
  "architecture": "vit_tiny_patch16_224", "num_classes": 7, "num_features": 24, "global_pool": "token",
  "label_names": ["a", "b", "c", "d", "e", "f", "g"],
  "model_args": {"img_size": [32, 32], "patch_size": 8, "embed_dim": 24, "depth": 2, "num_classes": 7,
                 "in_chans": 3, "global_pool": "token"},
  "pretrained_cfg": {"tag": "untrained", "custom_load": false, "input_size": [3, 32, 32],
    "test_input_size": [3, 64, 64], "test_crop_pct": 1.0, "fixed_input_size": true,
    "interpolation": "bilinear", "crop_pct": 0.9, "crop_mode": "squash", "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.1, 0.25], "num_classes": 7, "pool_size": null, "first_conv": "patch_embed.proj",
    "classifier": "head", "license": "apache-2.0"}})";

TEST(TimmConfig, ReadsWhatTimmWrites) {
  const auto config = Read(kWritten, IndexOf(SmallVit()));
  ASSERT_TRUE(config.ok()) << config.status();
  const VitConfig& model = config->model;
  EXPECT_EQ(model.architecture, "vit_tiny_patch16_224");
  EXPECT_EQ(model.image_height, 32);
  EXPECT_EQ(model.image_width, 32);
  EXPECT_EQ(model.patch_size, 8);
  EXPECT_EQ(model.embed_dim, 24);
  EXPECT_EQ(model.depth, 2);
  EXPECT_EQ(model.num_heads, 3);  // by the table
  EXPECT_EQ(model.head_dim, 8);
  EXPECT_EQ(model.mlp_hidden, 96);
  EXPECT_EQ(model.num_classes, 7);
  EXPECT_EQ(model.tokens(), 17);
  EXPECT_TRUE(model.class_token);
  EXPECT_TRUE(model.block.query_bias && model.block.key_bias && model.block.value_bias);
  EXPECT_EQ(model.block.norm_eps, 1e-6);
  EXPECT_EQ(model.block.activation, Activation::kGelu);
  EXPECT_EQ(model.pooling, ModelPooling::kClassToken);
  EXPECT_FALSE(model.norm_after_pooling);
  EXPECT_EQ(config->positions.prefix_rows, 1);
  EXPECT_EQ(config->positions.grid_height, 4);
  EXPECT_THAT(config->labels, ElementsAre("a", "b", "c", "d", "e", "f", "g"));
}

// test_input_size and test_crop_pct do not count: timm ignores them, too, unless asked.
TEST(TimmConfig, ReadsThePreprocessing) {
  const auto config = Read(kWritten, IndexOf(SmallVit()));
  ASSERT_TRUE(config.ok()) << config.status();
  const Preprocessing& preprocessing = config->preprocessing;
  EXPECT_EQ(preprocessing.height, 32);
  EXPECT_EQ(preprocessing.width, 32);
  EXPECT_EQ(preprocessing.interpolation, Interpolation::kBilinear);
  EXPECT_EQ(preprocessing.resize, ResizeMode::kStretch);
  EXPECT_EQ(preprocessing.resize_to->height, 35);  // 32 / 0.9
  EXPECT_THAT(preprocessing.mean, ElementsAre(0.5F, 0.4F, 0.3F));
  EXPECT_THAT(preprocessing.std, ElementsAre(0.2F, 0.1F, 0.25F));
}

TEST(TimmConfig, ReadsTheOlderLayoutWithEverythingAtTheRoot) {
  const auto config = Read(R"({"architecture": "deit_tiny_patch16_224", "num_classes": 1000,
      "input_size": [3, 224, 224], "crop_pct": 0.9, "interpolation": "bicubic",
      "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "labels": null})",
                           [] {
                             VitConfig deit = SmallVit();
                             deit.image_height = deit.image_width = 224;
                             deit.patch_size = 16;
                             deit.embed_dim = 192;
                             deit.head_dim = 64;
                             deit.depth = 12;
                             deit.mlp_hidden = 768;
                             deit.num_classes = 1000;
                             return IndexOf(deit);
                           }());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.num_heads, 3);
  EXPECT_EQ(config->model.depth, 12);
  EXPECT_EQ(config->preprocessing.resize_to->height, 248);  // 224 / 0.9
  EXPECT_EQ(config->preprocessing.height, 224);
  EXPECT_THAT(config->labels, IsEmpty());
}

TEST(TimmConfig, WhatIsNotGivenIsTimmsDefault) {
  const auto config =
      Read(R"({"architecture": "my_vit", "model_args": {"num_heads": 3}})", IndexOf(SmallVit()));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->preprocessing.interpolation, Interpolation::kBicubic);
  EXPECT_EQ(config->preprocessing.resize, ResizeMode::kCover);
  EXPECT_EQ(config->preprocessing.resize_to->height, 36);  // 32 / 0.875
  EXPECT_THAT(config->preprocessing.mean, ElementsAre(0.485F, 0.456F, 0.406F));
  EXPECT_THAT(config->preprocessing.std, ElementsAre(0.229F, 0.224F, 0.225F));
  EXPECT_EQ(config->model.image_height, 32);  // the square of pos_embed
}

TEST(TimmConfig, AcceptsAnUnknownArchitectureThatSaysWhatItIs) {
  const auto config = Read(R"({"architecture": "our_own", "num_classes": 7, "model_args":
      {"embed_dim": 24, "depth": 2, "num_heads": 12, "mlp_ratio": 4.0, "patch_size": [8, 8]}})",
                           IndexOf(SmallVit()));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.num_heads, 12);
  EXPECT_EQ(config->model.head_dim, 2);
}

TEST(TimmConfig, MeanPoolingNormsWhereTheTensorsSay) {
  const std::string json =
      R"({"architecture": "x", "global_pool": "avg", "model_args": {"num_heads": 3}})";
  VitConfig vit = SmallVit();
  for (const bool after : {false, true}) {
    vit.norm_after_pooling = after;
    const auto config = Read(json, IndexOf(vit));
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->model.pooling, ModelPooling::kMean);
    EXPECT_EQ(config->model.norm_after_pooling, after);
  }
}

TEST(TimmConfig, ModelArgsDecidePoolingBeforeTheRoot) {
  const auto config = Read(
      R"({"architecture": "x", "global_pool": "token", "model_args": {"num_heads": 3, "global_pool": "avg"}})",
      IndexOf(SmallVit()));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.pooling, ModelPooling::kMean);
}

TEST(TimmConfig, WithoutClassTokenTheMeanIsThePooling) {
  VitConfig vit = SmallVit();
  vit.class_token = false;
  const auto config =
      Read(R"({"architecture": "x", "model_args": {"num_heads": 3, "class_token": false}})",
           IndexOf(vit));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.pooling, ModelPooling::kMean);
  EXPECT_EQ(config->model.tokens(), 16);
}

TEST(TimmConfig, PositionsMayLeaveTheClassTokenOut) {
  const auto config =
      Read(R"({"architecture": "x", "model_args": {"num_heads": 3, "no_embed_class": true}})",
           IndexOf(SmallVit(), 16));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->positions.prefix_rows, 0);
  EXPECT_EQ(config->model.tokens(), 17);
  EXPECT_EQ(config->model.image_height, 32);
}

TEST(TimmConfig, AModelWithoutClassifierDropsLabels) {
  VitConfig vit = SmallVit();
  vit.num_classes = 0;
  const auto config = Read(
      R"({"architecture": "x", "num_classes": 0, "label_names": ["a"], "model_args": {"num_heads": 3}})",
      IndexOf(vit));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.num_classes, 0);
  EXPECT_THAT(config->labels, IsEmpty());
}

TEST(TimmConfig, LabelsMayBeAMapWithGaps) {
  const auto config = Read(R"({"architecture": "x", "model_args": {"num_heads": 3},
      "pretrained_cfg": {"label_names": {"0": "cat", "6": "dog"}}})",
                           IndexOf(SmallVit()));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->labels, ElementsAre("cat", "", "", "", "", "", "dog"));
}

TEST(TimmConfig, ReadsNonSquareInput) {
  VitConfig vit = SmallVit();
  vit.image_height = 24;
  vit.image_width = 40;
  vit.block.query_bias = vit.block.key_bias = vit.block.value_bias = false;
  const auto config =
      Read(R"({"architecture": "x", "model_args": {"num_heads": 3, "qkv_bias": false},
      "pretrained_cfg": {"input_size": [3, 24, 40]}})",
           IndexOf(vit));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.grid_height(), 3);
  EXPECT_EQ(config->model.grid_width(), 5);
  EXPECT_EQ(config->preprocessing.width, 40);
  EXPECT_FALSE(config->model.block.query_bias);
  EXPECT_FALSE(config->model.block.key_bias);
}

// A model that was trained at another size than its pretrained_cfg says: the tensors prove
// model_args right.
TEST(TimmConfig, TheModelsOwnInputSizeIsWhatImagesAreResizedTo) {
  const auto config = Read(R"({"architecture": "x", "model_args": {"num_heads": 3, "img_size": 32},
      "pretrained_cfg": {"input_size": [3, 224, 224]}})",
                           IndexOf(SmallVit()));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->preprocessing.height, 32);
}

// timm resamples them, so a model may be served at another size than it was trained for.
TEST(TimmConfig, PositionsOfAnotherSquareAreResampled) {
  const auto config =
      Read(R"({"architecture": "x", "model_args": {"num_heads": 3, "img_size": [24, 40]}})",
           IndexOf(SmallVit()));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.tokens(), 16);
  EXPECT_EQ(config->positions.prefix_rows, 1);
  EXPECT_EQ(config->positions.grid_height, 4);
  EXPECT_EQ(config->positions.grid_width, 4);
  EXPECT_EQ(config->positions.resampling, PositionResampling::kBicubicAntialias);
}

TEST(TimmConfig, FlexiVitIsResampledAsItWasTrained) {
  VitConfig vit = SmallVit();
  vit.embed_dim = 384;
  vit.mlp_hidden = 1536;
  const auto config = Read(R"({"architecture": "flexivit_small", "model_args": {"img_size": 64}})",
                           IndexOf(vit, 16));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->positions.resampling, PositionResampling::kBilinear);
  EXPECT_EQ(config->positions.prefix_rows, 0);
}

// Everything that a tensor tells, at once: LayerScale, registers without positions, q/k norms.
TEST(TimmConfig, ReadsFeaturesFromTheTensors) {
  CheckpointIndex index = IndexOf(SmallVit(), 16);
  AddTensor(index, "reg_token", {1, 4, 24});
  for (const std::string block : {"blocks.0.", "blocks.1."}) {
    for (const char* scale : {"ls1.gamma", "ls2.gamma"}) AddTensor(index, block + scale, {24});
    for (const char* norm : {"attn.q_norm", "attn.k_norm"}) {
      AddTensor(index, block + norm + ".weight", {8});
      AddTensor(index, block + norm + ".bias", {8});
    }
  }
  const auto config = Read(R"({"architecture": "x", "model_args": {"num_heads": 3, "reg_tokens": 4,
      "init_values": 1e-5, "no_embed_class": true, "qk_norm": true, "act_layer": "gelu_tanh"}})",
                           index);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.register_tokens, 4);
  EXPECT_EQ(config->model.tokens(), 21);
  EXPECT_TRUE(config->model.block.layer_scale);
  EXPECT_TRUE(config->model.block.qk_norm);
  EXPECT_EQ(config->model.block.activation, Activation::kGeluTanh);
  EXPECT_EQ(config->positions.prefix_rows, 0);
}

TEST(TimmConfig, AGateIsTheFirstHalfOfAPackedLayer) {
  CheckpointIndex index = IndexOf(SmallVit());
  for (const std::string block : {"blocks.0.", "blocks.1."}) {
    AddTensor(index, block + "mlp.fc1.weight", {192, 24});
    AddTensor(index, block + "mlp.fc1.bias", {192});
  }
  const auto config =
      Read(R"({"architecture": "x", "model_args": {"num_heads": 3, "mlp_ratio": 8}})", index);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->model.block.gated_mlp);
  EXPECT_EQ(config->model.block.activation, Activation::kSilu);
  EXPECT_EQ(config->model.mlp_hidden, 96);
  for (const bool bias : {false, true}) {
    const TensorSource* gate = config->tensors.Find({Slot::kGate, bias, 1});
    const TensorSource* value = config->tensors.Find({Slot::kFc1, bias, 1});
    ASSERT_TRUE(gate != nullptr && value != nullptr);
    EXPECT_EQ(gate->tensor, value->tensor);
    EXPECT_EQ(gate->part, 0);
    EXPECT_EQ(value->part, 1);
    EXPECT_EQ(value->parts, 2);
  }
}

TEST(TimmConfig, ADistilledDeitAveragesTwoTokensAndTwoHeads) {
  CheckpointIndex index = IndexOf(SmallVit(), 18);
  AddTensor(index, "dist_token", {1, 1, 24});
  AddTensor(index, "head_dist.weight", {7, 24});
  AddTensor(index, "head_dist.bias", {7});
  const auto config = Read(
      R"({"architecture": "x", "global_pool": "token", "model_args": {"num_heads": 3}})", index);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->model.distillation_token);
  EXPECT_EQ(config->model.pooling, ModelPooling::kClassAndDistillation);
  EXPECT_EQ(config->model.classifier_input, ClassifierInput::kClassAndDistillation);
  EXPECT_EQ(config->positions.prefix_rows, 2);
}

// timm stores CLIP's projection as a classifier: an architecture of CLIP, no sign of fine-tuning.
TEST(TimmConfig, TellsAProjectionFromAClassifier) {
  VitConfig vit = SmallVit();
  CheckpointIndex index = IndexOf(vit);
  index.tensors.erase("patch_embed.proj.bias");
  AddTensor(index, "norm_pre.weight", {24});
  AddTensor(index, "norm_pre.bias", {24});
  const std::string args = R"(, "model_args": {"num_heads": 3, "embed_dim": 24, "patch_size": 8})";
  const auto clip = [&](const std::string& fields) {
    auto config =
        ReadTimm(R"({"architecture": "vit_base_patch32_clip_224")" + fields + args + "}", index);
    EXPECT_TRUE(config.ok()) << config.status();
    return *std::move(config);
  };
  EXPECT_TRUE(clip(R"(, "pretrained_cfg": {"tag": "openai"})").head_may_be_projection);
  EXPECT_FALSE(clip(R"(, "pretrained_cfg": {"tag": "laion2b_ft_in1k"})").head_may_be_projection);
  EXPECT_FALSE(
      clip(R"(, "label_names": ["a", "b", "c", "d", "e", "f", "g"])").head_may_be_projection);
  EXPECT_FALSE(ReadTimm(R"({"architecture": "x", "model_args": {"num_heads": 3}})", IndexOf(vit))
                   ->head_may_be_projection);

  const CheckpointConfig projecting = WithHeadAsProjection(clip("").checkpoint);
  EXPECT_TRUE(projecting.model.norm_before);
  EXPECT_EQ(projecting.model.block.norm_eps, 1e-5);
  EXPECT_EQ(projecting.model.num_classes, 0);
  EXPECT_EQ(projecting.model.projection_dim, 7);
  EXPECT_EQ(projecting.tensors.Find({Slot::kProjection})->tensor, "head.weight");
  EXPECT_FALSE(projecting.tensors.Has(Slot::kHead));
}

TEST(TimmConfig, ArgumentsWithoutEffectAreAccepted) {
  const auto config =
      Read(R"({"architecture": "x", "model_args": {"num_heads": 3, "drop_path_rate": 0.1,
      "init_values": null, "reg_tokens": 0, "qk_norm": false, "act_layer": "gelu", "something": null,
      "dynamic_img_size": true}})",
           IndexOf(SmallVit()));
  EXPECT_TRUE(config.ok()) << config.status();
}

}  // namespace
}  // namespace snapvit
