#include "client/cli/class_scores.h"

#include <gtest/gtest.h>

namespace snapvit::cli {
namespace {

TEST(ApplyActivation, SoftmaxSumsToOneEvenForLargeLogits) {
  std::vector<float> scores = {1000, 1000, 0};
  ApplyActivation(v1::ACTIVATION_SOFTMAX, scores);
  EXPECT_EQ(scores, (std::vector<float>{0.5, 0.5, 0}));
}

TEST(ApplyActivation, SigmoidIsOfEachByItself) {
  std::vector<float> scores = {0, 100, -100};
  ApplyActivation(v1::ACTIVATION_SIGMOID, scores);
  EXPECT_EQ(scores[0], 0.5);
  EXPECT_EQ(scores[1], 1);
  EXPECT_NEAR(scores[2], 0, 1e-30);
}

TEST(TopLabels, BestFirstAndEqualOnesByIndex) {
  const std::vector<float> scores = {0.1F, 0.4F, 0.1F, 0.4F};
  const auto labels = TopLabels(scores, {"a", "b", "c", "d"}, 3);
  ASSERT_EQ(labels.size(), 3U);
  EXPECT_EQ(labels[0].label, "b");
  EXPECT_EQ(labels[1].index, 3U);
  EXPECT_EQ(labels[2].label, "a");
}

TEST(TopLabels, ClassesWithoutNamesAndFewerThanAskedFor) {
  const auto labels = TopLabels(std::vector<float>{0.1F, 0.4F}, {}, 5);
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].index, 1U);
  EXPECT_EQ(labels[0].label, "");
}

}  // namespace
}  // namespace snapvit::cli
