#include "core/snapvit/greedy_path.h"

#include <gtest/gtest.h>

#include "core/elastic/budget_path.h"
#include "core/elastic/cost_model.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

class GreedyPathTest : public ::testing::Test {
 protected:
  const ModelFolder folder_ = RandomModel(MakeVitConfig(16, 4, 24, 3, 4, 64, 0), 1);
  const Ordering ordering_ = RandomOrdering(folder_.config, 2);
  const std::unique_ptr<CalibrationSource> source_ = SyntheticCalibration(12, 32, 32, 3);
};

TEST_F(GreedyPathTest, FallsToTheSmallestComputeAboveTheMinimumKeeps) {
  auto path = GreedyPath(folder_, ordering_, *source_, {}, nullptr);
  ASSERT_TRUE(path.ok()) << path.status();
  Ordering found = ordering_;
  found.path = *path;
  EXPECT_TRUE(ValidateOrdering(found).ok()) << ValidateOrdering(found);
  KeepCounts keep = KeepCounts::Dense(folder_.config);
  for (const PathStep& step : *path) {
    if (step.structure < 3) {
      keep.channels[step.structure] = step.keep;
      EXPECT_GE(step.keep, static_cast<int>(64 * ordering_.min_mlp_keep));
    } else {
      keep.heads[step.structure - 3] = step.keep;
      EXPECT_GE(step.keep, static_cast<int>(4 * ordering_.min_head_keep));
    }
  }
  EXPECT_LE(CostModel(folder_.config).Compute(keep), kSmallestPathCompute);
}

TEST_F(GreedyPathTest, IsReproducible) {
  EXPECT_EQ(*GreedyPath(folder_, ordering_, *source_, {}, nullptr),
            *GreedyPath(folder_, ordering_, *source_, {}, nullptr));
}

TEST_F(GreedyPathTest, WithoutTimeItStillEndsWithAWholePath) {
  GreedyPathOptions options;
  options.stop_at = absl::InfinitePast();
  bool cut_short = false;
  const auto path = GreedyPath(folder_, ordering_, *source_, options, nullptr, &cut_short);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_GT(path->size(), 10U);
  EXPECT_TRUE(cut_short);
  EXPECT_TRUE(GreedyPath(folder_, ordering_, *source_, {}, nullptr, &cut_short).ok());
  EXPECT_FALSE(cut_short);
}

TEST_F(GreedyPathTest, StopsWhenToldTo) {
  const auto path =
      GreedyPath(folder_, ordering_, *source_, {}, [](const ProgressUpdate&) { return false; });
  EXPECT_EQ(path.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace snapvit
