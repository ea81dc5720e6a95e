// The reference forward against timm, on the models of tests/golden/make_timm_goldens.py.
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/model/model_folder.h"
#include "core/model/reference_forward.h"
#include "core/model/torch_dtype.h"

namespace snapvit {
namespace {

// Of the largest error, relative to the standard deviation of timm's output (f32).
constexpr double kTolerance = 1e-4;

class TimmGoldensTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string folder =
        std::string(SNAPVIT_SOURCE_DIR "/tests/testdata/models/") + GetParam();
    absl::StatusOr<ModelFolder> model = LoadModelFolder(folder);
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
    weights_ = *ToFloat32(model_.weights);
    auto goldens = SafetensorsFile::Open(folder + "/goldens.safetensors");
    ASSERT_TRUE(goldens.ok()) << goldens.status();
    goldens_ = *std::move(goldens);
  }

  at::Tensor Golden(const std::string& name) const { return *TensorOfFile(goldens_, name); }

  void ExpectClose(const at::Tensor& got, const std::string& name) const {
    const at::Tensor expected = Golden(name);
    ASSERT_EQ(got.sizes(), expected.sizes()) << name;
    const double error =
        (got - expected).abs().max().item<double>() / expected.std().item<double>();
    RecordProperty("error_" + name, std::to_string(error * 1e6) + "e-6");
    EXPECT_LE(error, kTolerance) << name;
  }

  void ExpectOutputs(const UnitReplacement* replacement, const std::string& prefix) const {
    const auto output = ReferenceForward(weights_, Golden("pixels"), replacement);
    ASSERT_TRUE(output.ok()) << output.status();
    ExpectClose(output->tokens, prefix + "tokens");
    ExpectClose(output->pooled, prefix + "pooled");
    EXPECT_EQ(output->logits.defined(), goldens_->Contains(prefix + "logits"));
    if (output->logits.defined()) ExpectClose(output->logits, prefix + "logits");
  }

  UnitReplacement Replacement(bool constants) const {
    UnitReplacement replacement;
    for (int i = 0; i < model_.config.depth; ++i) {
      BlockReplacement block;
      block.channel_keep = Golden("channel_keep")[i];
      block.head_keep = Golden("head_keep")[i];
      if (constants) {
        block.channel_constant = Golden("channel_constant")[i];
        block.head_constant = Golden("head_constant")[i];
      }
      replacement.blocks.push_back(block);
    }
    return replacement;
  }

  ModelFolder model_;
  VitWeights weights_;
  std::shared_ptr<const SafetensorsFile> goldens_;
};

TEST_P(TimmGoldensTest, DenseOutputsAreTimms) { ExpectOutputs(nullptr, ""); }

TEST_P(TimmGoldensTest, MaskedUnitsAreZero) {
  const UnitReplacement replacement = Replacement(/*constants=*/false);
  ExpectOutputs(&replacement, "masked.");
}

TEST_P(TimmGoldensTest, ReplacedUnitsAreTheirConstants) {
  const UnitReplacement replacement = Replacement(/*constants=*/true);
  ExpectOutputs(&replacement, "replaced.");
}

// The goldens are worth something only if each output changes when units are cut.
TEST_P(TimmGoldensTest, CuttingUnitsIsVisible) {
  const at::Tensor change = Golden("masked.pooled") - Golden("pooled");
  EXPECT_GT(change.abs().max().item<double>(), 0.01);
}

INSTANTIATE_TEST_SUITE_P(Timm, TimmGoldensTest,
                         ::testing::Values("cls_token", "avg_fc_norm", "avg_no_class_token",
                                           "avg_token_norm", "no_classifier",
                                           "non_square_no_qkv_bias", "patch14_bf16",
                                           "no_embed_class_f16"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace snapvit
