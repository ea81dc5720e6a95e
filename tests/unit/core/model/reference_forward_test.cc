#include "core/model/reference_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <string>

#include "core/model/model_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

class ReferenceForwardTest : public ::testing::Test {
 protected:
  ReferenceForwardTest()
      : weights_(*ToFloat32(
            LoadModelFolder(SNAPVIT_SOURCE_DIR "/tests/testdata/models/avg_fc_norm")->weights)) {
    at::manual_seed(3);
    pixels_ = at::randn({2, 3, 24, 24});
  }

  ReferenceOutput Run(const UnitReplacement* replacement = nullptr) const {
    return *ReferenceForward(weights_, pixels_, replacement);
  }
  UnitReplacement KeepAll() const {
    UnitReplacement replacement;
    for (int i = 0; i < weights_.config.depth; ++i) {
      BlockReplacement block;
      block.channel_keep = at::ones({weights_.config.mlp_hidden});
      block.head_keep = at::ones({weights_.config.num_heads});
      replacement.blocks.push_back(block);
    }
    return replacement;
  }
  std::string ErrorOf(const at::Tensor& pixels,
                      const UnitReplacement* replacement = nullptr) const {
    const auto output = ReferenceForward(weights_, pixels, replacement);
    EXPECT_EQ(output.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(output.status().message());
  }

  VitWeights weights_;
  at::Tensor pixels_;
};

TEST_F(ReferenceForwardTest, ImagesOfABatchDoNotTouch) {
  const at::Tensor both = Run().pooled;
  const auto second = ReferenceForward(weights_, pixels_.narrow(0, 1, 1));
  EXPECT_LT((second->pooled[0] - both[1]).abs().max().item<float>(), 1e-5);
}

TEST_F(ReferenceForwardTest, KeepingAllIsTheDenseModel) {
  const UnitReplacement all = KeepAll();
  EXPECT_TRUE(Run(&all).tokens.equal(Run().tokens));
  UnitReplacement undefined;
  undefined.blocks.resize(weights_.config.depth);
  EXPECT_TRUE(Run(&undefined).tokens.equal(Run().tokens));
}

// What makes bias corrections right: a constant in the place of a channel is a shift of the next
// bias.
TEST_F(ReferenceForwardTest, AConstantChannelIsAShiftOfTheNextBias) {
  UnitReplacement replaced = KeepAll(), masked = KeepAll();
  const int channel = 17;
  for (UnitReplacement* replacement : {&replaced, &masked}) {
    replacement->blocks[1].channel_keep = replacement->blocks[1].channel_keep.clone();
    replacement->blocks[1].channel_keep[channel] = 0;
  }
  replaced.blocks[1].channel_constant = at::zeros({weights_.config.mlp_hidden});
  replaced.blocks[1].channel_constant[channel] = 0.75;
  const at::Tensor expected = Run(&replaced).tokens;
  BlockWeights& block = weights_.blocks[1];
  block.fc2.bias = block.fc2.bias + 0.75 * block.fc2.weight.select(1, channel);
  EXPECT_LT((Run(&masked).tokens - expected).abs().max().item<float>(), 1e-5);
}

// The gradient of a gate, checked against a difference quotient.
TEST_F(ReferenceForwardTest, IsDifferentiableInTheReplacements) {
  UnitReplacement replacement = KeepAll();
  at::Tensor& gate = replacement.blocks[0].head_keep;
  gate.requires_grad_(true);
  const auto loss = [&] { return Run(&replacement).pooled.pow(2).sum(); };
  const double gradient = torch::autograd::grad({loss()}, {gate})[0][1].item<double>();
  const auto at_gate = [&](float value) {
    gate = at::ones({weights_.config.num_heads});
    gate[1] = value;
    return loss().item<double>();
  };
  const double quotient = (at_gate(1.01F) - at_gate(0.99F)) / 0.02;
  EXPECT_NEAR(gradient, quotient, 0.02 * std::abs(quotient) + 1e-3);
}

TEST_F(ReferenceForwardTest, IsDifferentiableInEveryWeight) {
  std::vector<at::Tensor> parameters;
  for (at::Tensor* tensor : TensorsOf(weights_)) {
    if (tensor->defined()) parameters.push_back(tensor->requires_grad_(true));
  }
  const auto gradients = torch::autograd::grad({Run().logits.pow(2).sum()}, parameters);
  for (size_t i = 0; i < gradients.size(); ++i) {
    ASSERT_TRUE(gradients[i].defined()) << i;
    EXPECT_EQ(gradients[i].sizes(), parameters[i].sizes());
    EXPECT_GT(gradients[i].abs().sum().item<double>(), 0) << i;
  }
}

TEST_F(ReferenceForwardTest, RunsInTheWeightsDtype) {
  const auto model = LoadModelFolder(SNAPVIT_SOURCE_DIR "/tests/testdata/models/patch14_bf16");
  const at::Tensor pixels = at::randn({1, 3, 28, 28});
  const auto narrow = ReferenceForward(model->weights, pixels.to(at::kBFloat16));
  ASSERT_TRUE(narrow.ok()) << narrow.status();
  EXPECT_EQ(narrow->pooled.scalar_type(), at::kBFloat16);
  const auto wide = ReferenceForward(*ToFloat32(model->weights), pixels);
  const double error = (narrow->pooled.to(at::kFloat) - wide->pooled).abs().mean().item<double>();
  EXPECT_LT(error, 0.05);
}

TEST_F(ReferenceForwardTest, RefusesPixelsThatDoNotFit) {
  EXPECT_THAT(ErrorOf(at::randn({2, 3, 32, 24})),
              HasSubstr("pixels is [2, 3, 32, 24] of Float, expected [2, 3, 24, 24] of Float"));
  EXPECT_THAT(ErrorOf(pixels_.to(at::kHalf)), HasSubstr("of Half, expected"));
  EXPECT_THAT(ErrorOf(at::Tensor()), HasSubstr("pixels is undefined"));
  EXPECT_THAT(ErrorOf(at::randn({24})), HasSubstr("expected [24, 3, 24, 24]"));
}

TEST_F(ReferenceForwardTest, RefusesReplacementsThatDoNotFit) {
  UnitReplacement replacement = KeepAll();
  replacement.blocks.pop_back();
  EXPECT_THAT(ErrorOf(pixels_, &replacement), HasSubstr("replacements for 2 blocks, expected 3"));
  replacement = KeepAll();
  replacement.blocks[2].head_keep = at::ones({4});
  EXPECT_THAT(ErrorOf(pixels_, &replacement),
              HasSubstr("head_keep of block 2 is [4] of Float, expected [3]"));
}

}  // namespace
}  // namespace snapvit
