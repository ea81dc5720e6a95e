// The calibration on the GPU against the same calibration on the CPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/snapvit/gradient_scores.h"
#include "core/snapvit/order.h"
#include "core/snapvit/published_order.h"
#include "tests/gpu/gpu_fixture.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

class OrderingGpuTest : public GpuTest {
 protected:
  // Scores are sums of squares: small ones are compared with the largest.
  static void ExpectClose(const std::vector<float>& actual, const std::vector<float>& expected) {
    ASSERT_EQ(actual.size(), expected.size());
    const float largest = *std::max_element(expected.begin(), expected.end());
    for (size_t i = 0; i < actual.size(); ++i) {
      EXPECT_NEAR(actual[i], expected[i], 1e-3 * largest) << i;
    }
  }
};

TEST_F(OrderingGpuTest, GradientScoresEqualTheCpus) {
  const ModelFolder folder = RandomModel(DemoVit(), 2);
  const ModelFolder moved = OnGpu(folder);
  const auto source = SyntheticCalibration(20, 64, 64, 1);
  const auto compute = [&](const ModelFolder& model) {
    return *ComputeGradientScores(model.weights, model.preprocessing, *source, {.images = 20},
                                  nullptr);
  };
  const GradientScores expected = compute(folder);
  const GradientScores scores = compute(moved);
  EXPECT_EQ(scores.images, expected.images);
  ExpectClose(scores.mlp, expected.mlp);
  ExpectClose(scores.heads, expected.heads);
}

// Every step of ComputeOrdering runs where the weights are. Paths part where two losses are nearly
// equal, also between instruction sets of a CPU: what they are worth is compared, not their steps.
TEST_F(OrderingGpuTest, TheWholeOrderingResemblesTheCpus) {
  const ModelFolder folder = RandomModel(DemoVit(), 2);
  const ModelFolder moved = OnGpu(folder);
  OrderOptions options;
  options.images = 16;
  const auto source = SyntheticCalibration(CalibrationImagesFor(options.images), 64, 64, 1);
  const auto compute = [&](const ModelFolder& model) {
    return ComputeOrdering(model, "fingerprint", *source, options, nullptr);
  };
  const absl::StatusOr<Ordering> expected = compute(folder);
  const absl::StatusOr<Ordering> ordering = compute(moved);
  ASSERT_TRUE(expected.ok()) << expected.status();
  ASSERT_TRUE(ordering.ok()) << ordering.status();
  EXPECT_EQ(ordering->path.size(), expected->path.size());
  const FidelityCurve& curve = ordering->fidelity;
  ASSERT_EQ(curve.compute.size(), expected->fidelity.compute.size());
  for (size_t i = 0; i < curve.compute.size(); ++i) {
    EXPECT_NEAR(curve.compute[i], expected->fidelity.compute[i], 0.02) << i;
    EXPECT_NEAR(curve.fidelity[i], expected->fidelity.fidelity[i], 0.05) << curve.compute[i];
  }
  EXPECT_NEAR(curve.fidelity.back(), 1, 1e-3);
}

// As a GPU's search is by default: in bf16.
TEST_F(OrderingGpuTest, ThePublishedRecipeGivesAnOrdering) {
  const ModelFolder moved = OnGpu(RandomModel(DemoVit(), 2));
  PublishedOrderOptions options;
  options.images = 16;
  options.evaluations = 3;
  options.search_dtype = ExecutionDtype::kBFloat16;
  const auto source =
      SyntheticCalibration(PublishedCalibrationImagesFor(options.images), 64, 64, 1);
  const absl::StatusOr<Ordering> ordering =
      ComputePublishedOrdering(moved, "fingerprint", *source, options, nullptr);
  ASSERT_TRUE(ordering.ok()) << ordering.status();
  EXPECT_NEAR(ordering->fidelity.fidelity.back(), 1, 1e-3);
}

}  // namespace
}  // namespace snapvit
