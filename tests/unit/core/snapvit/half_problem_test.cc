#include "core/snapvit/half_problem.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

constexpr size_t kSecondMlp = 3;  // half

class HalfProblemTest : public ::testing::Test {
 protected:
  absl::StatusOr<HalfProblem> Make(const at::Tensor& covariance) const {
    return MakeHalfProblem(folder_.weights, {at::zeros({64}), covariance, at::eye(24)}, kSecondMlp);
  }

  const ModelFolder folder_ = RandomModel(MakeVitConfig(16, 4, 24, 3, 4, 64, 0), 1);
};

TEST_F(HalfProblemTest, DampsNoMoreThanItMust) {
  const HalfProblem problem = *Make(at::eye(64));
  EXPECT_NEAR(problem.covariance[0][0].item<double>(), 1 + kRidge, 1e-9);
  const at::Tensor back = at::matmul(problem.factor, problem.factor.t());
  EXPECT_LE((back - problem.covariance).abs().max().item<double>(), 1e-9);
}

TEST_F(HalfProblemTest, DampsMoreWhatRoundingHasLeftIndefinite) {
  at::Tensor covariance = at::eye(64);
  covariance[5][5] = -0.05F;
  const HalfProblem problem = *Make(covariance);
  EXPECT_NEAR(problem.covariance[5][5].item<double>(), 0.05, 0.01);
}

TEST_F(HalfProblemTest, GivesUpOnWhatIsNoCovariance) {
  const auto problem = Make(-at::eye(64));
  EXPECT_EQ(problem.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(problem.status().message(), HasSubstr("the MLP of block 1"));
}

TEST_F(HalfProblemTest, SaysWhichStatisticsAreNotFinite) {
  at::Tensor covariance = at::eye(64);
  covariance[5][6] = std::numeric_limits<float>::quiet_NaN();
  const auto problem = Make(covariance);
  EXPECT_EQ(problem.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(problem.status().message(), HasSubstr("the MLP of block 1 are not finite"));
}

}  // namespace
}  // namespace snapvit
