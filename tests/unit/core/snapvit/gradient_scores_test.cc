#include "core/snapvit/gradient_scores.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

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
  folder_.weights.blocks[1].fc2_weight.select(1, 5).zero_();
  folder_.weights.blocks[0].proj_weight.narrow(1, 8, 8).zero_();  // head 1 of 3
  const GradientScores scores = *Compute(folder_, {.images = 4});
  for (int i = 0; i < 80; ++i) {
    EXPECT_EQ(scores.mlp[i] == 0, i == 40 + 5) << i;
  }
  for (int i = 0; i < 6; ++i) EXPECT_EQ(scores.heads[i] == 0, i == 1) << i;
}

TEST_F(GradientScoresTest, LeavesTheModelAsItWas) {
  ASSERT_TRUE(Compute(folder_, {.images = 4}).ok());
  EXPECT_FALSE(folder_.weights.blocks[0].fc1_weight.requires_grad());
  EXPECT_FALSE(folder_.weights.blocks[0].qkv_weight.grad().defined());
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
