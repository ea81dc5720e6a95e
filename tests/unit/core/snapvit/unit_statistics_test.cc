#include "core/snapvit/unit_statistics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/model/reference_forward.h"
#include "core/snapvit/half_problem.h"
#include "core/snapvit/preprocessed_images.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

class UnitStatisticsTest : public ::testing::Test {
 protected:
  UnitStatistics Compute() const {
    UnitStatisticsOptions options;
    options.images = 32;
    return *ComputeUnitStatistics(folder_.weights, folder_.preprocessing, *source_, options,
                                  nullptr);
  }

  // 66 channels: no whole number of strips.
  ModelFolder folder_ = RandomModel(MakeVitConfig(16, 4, 24, 3, 4, 66, 0), 1);
  const std::unique_ptr<CalibrationSource> source_ = SyntheticCalibration(40, 32, 32, 3);
};

// The embedding of a class token model does not depend on what the last MLP does to patch tokens.
TEST_F(UnitStatisticsTest, WeighTokensByWhatTheEmbeddingSeesOfThem) {
  const UnitStatistics statistics = Compute();
  EXPECT_EQ(statistics.images, 32U);
  ForwardTaps taps;
  const at::Tensor pixels = PreprocessedImages(*source_, folder_.preprocessing, 0, 32);
  ASSERT_TRUE(ReferenceForward(folder_.weights, pixels, nullptr, &taps).ok());
  const at::Tensor units = taps.units.back();  // [B, N, h]
  const double to_class_token =
      (statistics.halves.back().mean - units.select(1, 0).mean(0)).norm().item<double>();
  const double to_all_tokens =
      (statistics.halves.back().mean - units.flatten(0, 1).mean(0)).norm().item<double>();
  EXPECT_LT(to_class_token, 0.5 * to_all_tokens);
}

// Every entry of a covariance is what its two units alone have.
TEST_F(UnitStatisticsTest, CovariancesAreWhole) {
  for (const HalfStatistics& half : Compute().halves) {
    EXPECT_TRUE(half.covariance.equal(half.covariance.t()));
    const at::Tensor deviation = half.covariance.diagonal().sqrt();
    const at::Tensor correlation = half.covariance / at::outer(deviation, deviation);
    EXPECT_LE(correlation.abs().max().item<double>(), 1 + 1e-4);
    EXPECT_GT((correlation.abs() > 1e-4).to(at::kFloat).mean().item<double>(), 0.99);
  }
}

// A unit that varies by 1 about 2 000: its square has no digits left for that in f32.
TEST_F(UnitStatisticsTest, LargeMeansLeaveTheCovarianceAsItIs) {
  BlockWeights& last = folder_.weights.blocks.back();
  last.fc1.bias = last.fc1.bias + 2000;
  const HalfStatistics half = Compute().halves.back();
  EXPECT_GT(half.mean.min().item<double>(), 1000);
  const at::Tensor damped =
      half.covariance.to(at::kDouble) +
      kRidge * half.covariance.diagonal().mean() * at::eye(66, at::TensorOptions(at::kDouble));
  const at::Tensor values = at::linalg_eigvalsh(damped);
  EXPECT_GT(values.min().item<double>(),
            0.9 * kRidge * half.covariance.diagonal().mean().item<double>());
}

}  // namespace
}  // namespace snapvit
