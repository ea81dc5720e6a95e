#include "core/snapvit/gradient_scores.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "core/model/reference_forward.h"
#include "core/snapvit/crops.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

// The definition, term by term, in plain loops.
TEST(SelfDistillationLoss, IsTheSumOfCrossEntropiesBetweenOtherViews) {
  const at::Tensor z = at::randn({2, 5, 7}, at::make_generator<at::CPUGeneratorImpl>(1),
                                 at::TensorOptions(at::kDouble));
  double expected = 0;
  const auto softmax = [&z](int image, int view) {
    const at::Tensor n = z[image][view] / z[image][view].norm();
    return at::softmax(n, 0);
  };
  for (int image = 0; image < 2; ++image) {
    for (int teacher = 0; teacher < 2; ++teacher) {
      for (int student = 0; student < 5; ++student) {
        if (student == teacher) continue;
        expected -= (softmax(image, teacher) * softmax(image, student).log()).sum().item<double>();
      }
    }
  }
  EXPECT_NEAR(SelfDistillationLoss(z, 2).item<double>(), expected, 1e-12 * std::abs(expected));
}

class GradientScoresTest : public ::testing::Test {
 protected:
  static VitConfig Config() { return MakeVitConfig(16, 4, 24, 2, 3, 40, 0); }

  absl::StatusOr<GradientScores> Compute(const ModelFolder& folder, GradientScoresOptions options) {
    return ComputeGradientScores(folder.weights, folder.preprocessing, *source_, options,
                                 progress_);
  }

  ModelFolder folder_ = RandomModel(Config(), 2);
  const std::unique_ptr<CalibrationSource> source_ = SyntheticCalibration(20, 32, 32, 1);
  ProgressFn progress_;
};

TEST_F(GradientScoresTest, SameSeedSameScores) {
  const GradientScores first = *Compute(folder_, {.images = 20});
  const GradientScores second = *Compute(folder_, {.images = 20});
  EXPECT_EQ(first.mlp, second.mlp);
  EXPECT_EQ(first.heads, second.heads);
  EXPECT_EQ(first.images, 20U);
  EXPECT_NE((*Compute(folder_, {.images = 20, .seed = 43})).mlp, first.mlp);
}

// How many images fit into memory at once changes nothing but the rounding.
TEST_F(GradientScoresTest, BatchSizeDoesNotMatter) {
  const GradientScores one = *Compute(folder_, {.images = 20, .activation_bytes = 1});
  const GradientScores many = *Compute(folder_, {.images = 20});
  for (size_t i = 0; i < one.mlp.size(); ++i) {
    EXPECT_NEAR(one.mlp[i], many.mlp[i], 1e-3 * many.mlp[i]) << i;
  }
}

// What cannot change the output has no importance.
TEST_F(GradientScoresTest, DeadUnitsScoreZero) {
  folder_.weights.blocks[1].fc2.weight.select(1, 5).zero_();
  folder_.weights.blocks[0].proj.weight.narrow(1, 8, 8).zero_();  // head 1 of 3
  const GradientScores scores = *Compute(folder_, {.images = 4});
  for (int i = 0; i < 80; ++i) {
    EXPECT_EQ(scores.mlp[i] == 0, i == 40 + 5) << i;
  }
  for (int i = 0; i < 6; ++i) EXPECT_EQ(scores.heads[i] == 0, i == 1) << i;
}

TEST_F(GradientScoresTest, LeavesTheModelAsItWas) {
  ASSERT_TRUE(Compute(folder_, {.images = 4}).ok());
  EXPECT_FALSE(folder_.weights.blocks[0].fc1.weight.requires_grad());
  EXPECT_FALSE(folder_.weights.blocks[0].value.weight.grad().defined());
}

// A channel of a gated MLP owns a row of the gate as well as of the value; a head's score is that
// of its values, in whatever order the rows are packed.
TEST(GradientScores, OfEveryFamilyAreMeanSquaresOfItsUnitsRows) {
  for (const NamedVitConfig& family : FamilyConfigs()) {
    const VitConfig& config = family.config;
    const ModelFolder folder = RandomModel(config, 8);
    const at::Tensor pixels =
        at::randn({4, 3, config.image_height, config.image_width},
                  at::make_generator<at::CPUGeneratorImpl>(3), at::TensorOptions(at::kFloat));
    GradientAccumulator accumulator(folder.weights);
    ASSERT_TRUE(accumulator.AddBatch(pixels, /*views=*/4, /*global_views=*/2).ok());
    const GradientScores scores = accumulator.Scores();

    VitWeights weights = folder.weights;
    BlockWeights& block = weights.blocks[1];
    std::vector<at::Tensor> parameters = {block.value.weight, block.fc1.weight};
    if (config.block.gated_mlp) parameters.push_back(block.gate.weight);
    for (at::Tensor& parameter : parameters) parameter.set_requires_grad(true);
    const at::Tensor embeddings = ReferenceForward(weights, pixels)->pooled;
    const std::vector<at::Tensor> gradients =
        torch::autograd::grad({SelfDistillationLoss(embeddings.unsqueeze(0), 2)}, parameters);
    for (at::Tensor& parameter : parameters) parameter.set_requires_grad(false);
    const double head =
        gradients[0].unflatten(0, {config.num_heads, -1})[2].square().mean().item<double>();
    double channel = gradients[1][7].square().mean().item<double>();
    if (config.block.gated_mlp) {
      channel = (channel + gradients[2][7].square().mean().item<double>()) / 2;
    }
    EXPECT_NEAR(scores.heads[config.num_heads + 2], head, 1e-4 * head) << family.name;
    EXPECT_NEAR(scores.mlp[config.mlp_hidden + 7], channel, 1e-4 * channel) << family.name;
  }
}

// Weights on ATen's meta device, which has no convolution: what a GPU fails at is a status as well.
TEST_F(GradientScoresTest, AFailureOfTheDeviceIsAStatus) {
  folder_.weights = *To(folder_.weights, at::kMeta);
  EXPECT_EQ(Compute(folder_, {.images = 2}).status().code(), absl::StatusCode::kInternal);
}

TEST_F(GradientScoresTest, StopsInTimeAndWhenAsked) {
  const GradientScores scores =
      *Compute(folder_, {.images = 20, .stop_at = absl::InfinitePast(), .activation_bytes = 1});
  EXPECT_EQ(scores.images, 1U);
  progress_ = [](const ProgressUpdate&) { return false; };
  EXPECT_EQ(Compute(folder_, {}).status().code(), absl::StatusCode::kCancelled);
}

// What the published code computes, view by view: 2 copies of a global and 10 of a local crop, all
// 22 terms, the mean over each batch, and gradients that add up over batches.
class UncollapsedScores {
 public:
  UncollapsedScores(const ModelFolder& folder, const CalibrationSource& source,
                    const GradientScoresOptions& options)
      : weights_(folder.weights), preprocessing_(folder.preprocessing), options_(options) {
    preprocessing_.mean = options.collapsed->mean;
    preprocessing_.std = options.collapsed->std;
    for (BlockWeights& block : weights_.blocks) {
      block.fc1.weight = block.fc1.weight.detach().clone().set_requires_grad(true);
      block.value.weight = block.value.weight.detach().clone().set_requires_grad(true);
      parameters_.insert(parameters_.end(), {block.fc1.weight, block.value.weight});
    }
    for (size_t first = 0; first < options.images; first += options.collapsed->batch) {
      AddBatch(source, first, std::min(options.images, first + options.collapsed->batch));
    }
  }

  // Of channel `unit` of `block`.
  float Mlp(int block, int unit) const {
    return sums_[2 * block][unit].square().mean().item<float>();
  }
  float Head(int block, int head) const {
    const VitConfig& config = weights_.config;
    return sums_[2 * block + 1]
        .view({config.num_heads, config.head_dim, config.embed_dim})[head]
        .square()
        .mean()
        .item<float>();
  }

 private:
  void AddBatch(const CalibrationSource& source, size_t first, size_t end) {
    const int64_t side = preprocessing_.height;
    std::vector<at::Tensor> views;
    for (size_t i = first; i < end; ++i) {
      const Image image = *source.Get(i);
      Random random(options_.seed, i);
      for (const auto& [range, copies] : {std::pair(kGlobalCrop, 2), std::pair(kLocalCrop, 10)}) {
        const at::Tensor view = at::empty({3, side, side});
        CropToInput(image, RandomCropBox(image.width, image.height, range, random), preprocessing_,
                    std::span(view.data_ptr<float>(), view.numel()));
        views.insert(views.end(), copies, view);
      }
    }
    const auto images = static_cast<int64_t>(end - first);
    const at::Tensor pooled = ReferenceForward(weights_, at::stack(views))->pooled;
    const at::Tensor loss =
        SelfDistillationLoss(pooled.view({images, 12, -1}), 2) / static_cast<double>(images);
    const auto gradients = torch::autograd::grad({loss}, parameters_);
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (sums_.size() == i) sums_.push_back(at::zeros_like(gradients[i]));
      sums_[i].add_(gradients[i]);
    }
  }

  VitWeights weights_;
  Preprocessing preprocessing_;
  const GradientScoresOptions& options_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> sums_;
};

TEST_F(GradientScoresTest, CollapsedViewsGiveThePublishedSum) {
  GradientScoresOptions options = {.global_views = 2, .local_views = 10, .images = 20};
  options.collapsed.emplace();  // a batch of 16, and one of 4
  const UncollapsedScores expected(folder_, *source_, options);
  for (const size_t activation_bytes : {size_t{1}, size_t{1} << 30}) {
    options.activation_bytes = activation_bytes;
    const GradientScores scores = *Compute(folder_, options);
    EXPECT_EQ(scores.images, 20U);
    for (int i = 0; i < 80; ++i) {
      const float value = expected.Mlp(i / 40, i % 40);
      EXPECT_NEAR(scores.mlp[i], value, 1e-3 * value) << i;
    }
    for (int i = 0; i < 6; ++i) {
      const float value = expected.Head(i / 3, i % 3);
      EXPECT_NEAR(scores.heads[i], value, 1e-3 * value) << i;
    }
  }
}

// One damaged file among many is left out; a folder of damaged files is an error that names one.
class DamagedSource final : public CalibrationSource {
 public:
  explicit DamagedSource(size_t damaged) : damaged_(damaged) {}
  size_t size() const override { return 20; }
  absl::StatusOr<Image> Get(size_t index) const override {
    if (index < damaged_) return absl::InvalidArgumentError("broken.jpg: truncated");
    return (*SyntheticCalibration(20, 32, 32, 1)).Get(index);
  }
  std::string Describe() const override { return "damaged"; }

 private:
  const size_t damaged_;
};

TEST_F(GradientScoresTest, ToleratesFewDamagedImages) {
  const absl::StatusOr<GradientScores> few = ComputeGradientScores(
      folder_.weights, folder_.preprocessing, DamagedSource(2), {.images = 20}, nullptr);
  ASSERT_TRUE(few.ok()) << few.status();
  EXPECT_EQ(few->images, 18U);
  const absl::Status many = ComputeGradientScores(folder_.weights, folder_.preprocessing,
                                                  DamagedSource(3), {.images = 20}, nullptr)
                                .status();
  EXPECT_EQ(many.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(many.message()), HasSubstr("3 of 20 calibration images failed"));
  EXPECT_THAT(std::string(many.message()), HasSubstr("broken.jpg"));
}

}  // namespace
}  // namespace snapvit
