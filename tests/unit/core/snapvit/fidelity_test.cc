#include "core/snapvit/fidelity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MakeNonDecreasing, PoolsWhatFalls) {
  std::vector<float> values = {1, 3, 2, 4, 3, 2, 9};
  MakeNonDecreasing(values);
  EXPECT_THAT(values, ElementsAre(1, 2.5, 2.5, 3, 3, 3, 9));
  std::vector<float> one = {5};
  MakeNonDecreasing(one);
  EXPECT_THAT(one, ElementsAre(5));
}

TEST(MeasureFidelity, RisesWithComputeToOneAtDense) {
  const auto model =
      *ElasticModel::Create(RandomModel(DemoVit(), 3), RandomOrdering(DemoVit(), 3), {});
  const auto source = SyntheticCalibration(30, 64, 64, 1);
  const FidelityCurve curve =
      *MeasureFidelity(*model, *source, {.first_image = 10, .images = 100, .points = 5}, nullptr);
  ASSERT_EQ(curve.compute.size(), 5U);
  EXPECT_EQ(curve.compute.back(), 1);
  EXPECT_NEAR(curve.fidelity.back(), 1, 1e-5);
  EXPECT_EQ(curve.agreement.back(), 1);
  ASSERT_EQ(curve.overlap.size(), 5U);
  EXPECT_EQ(curve.overlap.back(), 1);
  EXPECT_LT(curve.overlap.front(), 1);
  EXPECT_LT(curve.fidelity.front(), 0.99);
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_GT(curve.compute[i], curve.compute[i - 1]);
    EXPECT_GE(curve.fidelity[i], curve.fidelity[i - 1]);
  }
  EXPECT_GT(curve.standard_error.front(), 0);
}

TEST(MeasureFidelity, WithoutHeldOutImagesIsAnError) {
  const auto model =
      *ElasticModel::Create(RandomModel(DemoVit(), 3), RandomOrdering(DemoVit(), 3), {});
  const auto source = SyntheticCalibration(10, 64, 64, 1);
  EXPECT_EQ(MeasureFidelity(*model, *source, {.first_image = 10}, nullptr).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// One image less its own mean is nothing: its cosine would be zero at every rung, dense included.
TEST(MeasureFidelity, OneHeldOutImageIsAnErrorAndTwoAreACurve) {
  const auto model =
      *ElasticModel::Create(RandomModel(DemoVit(), 3), RandomOrdering(DemoVit(), 3), {});
  const auto source = SyntheticCalibration(12, 64, 64, 1);
  const absl::Status status =
      MeasureFidelity(*model, *source, {.first_image = 11}, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 images of synthetic"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("at least 2"));
  bool cut_short = true;
  const auto curve =
      MeasureFidelity(*model, *source, {.first_image = 10, .points = 3}, nullptr, &cut_short);
  ASSERT_TRUE(curve.ok()) << curve.status();
  EXPECT_NEAR(curve->fidelity.back(), 1, 1e-5);
  EXPECT_FALSE(cut_short);
}

TEST(MeasureFidelity, SaysWhetherTimeCutItShort) {
  const auto model =
      *ElasticModel::Create(RandomModel(DemoVit(), 3), RandomOrdering(DemoVit(), 3), {});
  const auto source = SyntheticCalibration(40, 64, 64, 1);
  FidelityOptions options{.points = 2};
  options.stop_at = absl::InfinitePast();
  bool cut_short = false;
  EXPECT_TRUE(MeasureFidelity(*model, *source, options, nullptr, &cut_short).ok());
  EXPECT_TRUE(cut_short);
  options.images = 32;  // two batches are done in any case
  EXPECT_TRUE(MeasureFidelity(*model, *source, options, nullptr, &cut_short).ok());
  EXPECT_FALSE(cut_short);
}

}  // namespace
}  // namespace snapvit
