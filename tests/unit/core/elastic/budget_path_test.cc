#include "core/elastic/budget_path.h"

#include <gtest/gtest.h>

#include "tests/testing/orderings.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

KeepCounts After(const VitConfig& config, const std::vector<PathStep>& path, size_t steps) {
  KeepCounts keep = KeepCounts::Dense(config);
  for (size_t i = 0; i < steps; ++i) {
    const auto [structure, count] = path[i];
    (structure < config.depth ? keep.channels[structure] : keep.heads[structure - config.depth]) =
        count;
  }
  return keep;
}

// The six published ratio pairs are points of the path, unit for unit.
TEST(PublishedPath, PassesThroughThePublishedRatioPairs) {
  const VitConfig config = VitBase16();
  const UnitRanking ranking(RandomOrdering(config, 11));
  const std::vector<PathStep> path = PublishedPath(ranking, config);
  for (const auto& [mlp, heads] :
       {std::pair{.15, .0}, {.25, .1}, {.35, .2}, {.45, .3}, {.55, .4}, {.65, .5}}) {
    const KeepCounts expected = *ranking.Keep(mlp, heads);
    bool found = false;
    KeepCounts keep = KeepCounts::Dense(config);
    for (size_t i = 0; i < path.size() && !found; ++i) {
      const auto [structure, count] = path[i];
      (structure < config.depth ? keep.channels[structure] : keep.heads[structure - config.depth]) =
          count;
      found = keep == expected;
    }
    EXPECT_TRUE(found) << mlp << " " << heads;
  }
}

TEST(PublishedPath, EndsWhereComputeReachesAQuarter) {
  const VitConfig config = VitBase16();
  const CostModel cost(config);
  const std::vector<PathStep> path = PublishedPath(UnitRanking(RandomOrdering(config, 5)), config);
  EXPECT_LE(cost.Compute(After(config, path, path.size())), kSmallestPathCompute);
  EXPECT_GT(cost.Compute(After(config, path, path.size() - 1)), kSmallestPathCompute);
}

TEST(PublishedPath, EndsAtTheMinimumKeepIfThatComesFirst) {
  const VitConfig config = VitSmall16();
  Ordering ordering = RandomOrdering(config, 5);
  ordering.min_mlp_keep = 0.6;
  ordering.min_head_keep = 0.5;
  const std::vector<PathStep> path = PublishedPath(UnitRanking(ordering), config);
  const KeepCounts last = After(config, path, path.size());
  EXPECT_EQ(last.channels, std::vector<int>(12, 921));
  EXPECT_EQ(last.heads, std::vector<int>(12, 3));
}

TEST(PathOf, PrefersTheOrderingsOwnPath) {
  const VitConfig config = DemoVit();
  Ordering ordering = RandomOrdering(config, 5);
  ordering.path = {{0, 700}, {6, 5}};
  EXPECT_EQ(PathOf(ordering, UnitRanking(ordering), config), ordering.path);
}

}  // namespace
}  // namespace snapvit
