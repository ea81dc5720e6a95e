#include "core/elastic/keep_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/testing/orderings.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Two blocks of four channels and two heads; no minimum unless a test sets one.
Ordering Small(std::vector<float> mlp, std::vector<float> heads = {4, 3, 2, 1}) {
  Ordering ordering;
  ordering.blocks = 2;
  ordering.hidden = 4;
  ordering.heads = 2;
  ordering.mlp_scores = std::move(mlp);
  ordering.head_scores = std::move(heads);
  ordering.min_mlp_keep = 0;
  ordering.min_head_keep = 0;
  return ordering;
}

TEST(UnitRanking, RanksMostImportantFirstAndEqualScoresByIndex) {
  const UnitRanking ranking(Small({1, 3, 3, 2, 5, 5, 5, 5}));
  EXPECT_THAT(ranking.channels(0), ElementsAre(1, 2, 3, 0));
  EXPECT_THAT(ranking.channels(1), ElementsAre(0, 1, 2, 3));
}

TEST(UnitRanking, RemovesTheLowestOverAllBlocks) {
  const UnitRanking ranking(Small({1, 2, 8, 9, 3, 4, 5, 6}));
  EXPECT_THAT(ranking.Keep(0.25, 0)->channels, ElementsAre(2, 4));
  EXPECT_THAT(ranking.Keep(0.5, 0)->channels, ElementsAre(2, 2));
  EXPECT_THAT(ranking.Keep(0, 0.5)->heads, ElementsAre(2, 0));
}

TEST(UnitRanking, TruncatesTheNumberToRemove) {
  const UnitRanking ranking(Small({1, 2, 8, 9, 3, 4, 5, 6}));
  EXPECT_THAT(ranking.Keep(0.124, 0)->channels, ElementsAre(4, 4));
  EXPECT_THAT(ranking.Keep(0.125, 0)->channels, ElementsAre(3, 4));
}

TEST(UnitRanking, RemovesExactlyTheAskedNumberAmongEqualScores) {
  const UnitRanking ranking(Small({7, 7, 7, 7, 7, 7, 7, 7}));
  for (int removed = 0; removed <= 8; ++removed) {
    const KeepCounts keep = *ranking.Keep(std::min(removed / 8.0, 0.9999), 0);
    const int expected = removed == 8 ? 7 : removed;
    EXPECT_EQ(std::accumulate(keep.channels.begin(), keep.channels.end(), 0), 8 - expected);
  }
  // The lower index stays: the second block loses its units first.
  EXPECT_THAT(ranking.Keep(0.5, 0)->channels, ElementsAre(4, 0));
}

TEST(UnitRanking, OverAskingClampsToTheProtectedMinimum) {
  Ordering ordering = Small({1, 2, 8, 9, 3, 4, 5, 6});
  ordering.min_mlp_keep = 0.3;   // int(4 · 0.3) = 1
  ordering.min_head_keep = 0.5;  // 1
  const UnitRanking ranking(ordering);
  EXPECT_THAT(ranking.Keep(0.99, 0.99)->channels, ElementsAre(1, 1));
  EXPECT_THAT(ranking.Keep(0.99, 0.99)->heads, ElementsAre(1, 1));
}

TEST(UnitRanking, RefusesRatiosOutsideTheRange) {
  const UnitRanking ranking(Small({1, 2, 8, 9, 3, 4, 5, 6}));
  for (const double ratio : {-0.1, 1.0, 7.0, std::nan("")}) {
    EXPECT_EQ(ranking.Keep(ratio, 0).status().code(), absl::StatusCode::kInvalidArgument) << ratio;
    EXPECT_THAT(std::string(ranking.Keep(0, ratio).status().message()), HasSubstr("head ratio"));
  }
}

TEST(UnitRanking, KeepCountsOnlyFallWithTheRatio) {
  const VitConfig config = VitSmall16();
  const UnitRanking ranking(RandomOrdering(config, 3));
  KeepCounts before = KeepCounts::Dense(config);
  for (int i = 0; i < 1000; ++i) {
    const KeepCounts keep = *ranking.Keep(i / 1000.0, i / 1000.0);
    for (int block = 0; block < config.depth; ++block) {
      ASSERT_LE(keep.channels[block], before.channels[block]);
      ASSERT_LE(keep.heads[block], before.heads[block]);
    }
    before = keep;
  }
  EXPECT_THAT(before.channels, Each(76));  // int(1536 · 0.05)
  EXPECT_THAT(before.heads, Each(1));      // int(6 · 0.2)
}

}  // namespace
}  // namespace snapvit
