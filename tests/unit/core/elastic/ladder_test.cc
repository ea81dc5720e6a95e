#include "core/elastic/ladder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/elastic/budget_path.h"
#include "core/elastic/cost_model.h"
#include "tests/testing/orderings.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

Ladder MakeLadder(const VitConfig& config, const Ordering& ordering, int rungs = 31,
                  int multiple = 16) {
  return *Ladder::Create(config, &ordering, {.rungs = rungs, .channel_multiple = multiple});
}

TEST(Ladder, EachRungIsTheLargestViewOfThePathWithinItsTarget) {
  const VitConfig config = DemoVit();
  const Ordering ordering = RandomOrdering(config, 1);
  const CostModel cost(config);
  const Ladder ladder = MakeLadder(config, ordering);
  EXPECT_EQ(ladder.rung(ladder.dense()).compute, 1);
  // By brute force over all views of the path.
  std::vector<KeepCounts> views = {KeepCounts::Dense(config)};
  for (const auto& [structure, count] : PathOf(ordering, UnitRanking(ordering), config)) {
    KeepCounts next = views.back();
    if (structure < config.depth) {
      next.channels[structure] = RoundUpChannels(count, 16, config.mlp_hidden);
    } else {
      next.heads[structure - config.depth] = count;
    }
    views.push_back(next);
  }
  for (int i = 0; i < 31; ++i) {
    const double target = 1 - 0.025 * i;
    double largest = 0;
    for (const KeepCounts& view : views) {
      if (cost.Compute(view) <= target + 1e-9) largest = std::max(largest, cost.Compute(view));
    }
    if (largest == 0) continue;
    const std::optional<int> rung = ladder.AtMostCompute(target);
    ASSERT_TRUE(rung.has_value()) << target;
    EXPECT_DOUBLE_EQ(ladder.rung(*rung).compute, largest) << target;
  }
}

TEST(Ladder, RungsAreNestedAndDistinctAndRounded) {
  const VitConfig config = VitSmall16();
  const Ladder ladder = MakeLadder(config, RandomOrdering(config, 2));
  EXPECT_GE(ladder.size(), 28);
  for (int i = 0; i < ladder.size(); ++i) {
    EXPECT_EQ(ladder.rung(i).index, i);
    for (int block = 0; block < config.depth; ++block) {
      EXPECT_EQ(ladder.rung(i).keep.channels[block] % 16, 0);
      if (i == 0) continue;
      EXPECT_GE(ladder.rung(i).keep.channels[block], ladder.rung(i - 1).keep.channels[block]);
      EXPECT_GE(ladder.rung(i).keep.heads[block], ladder.rung(i - 1).keep.heads[block]);
    }
    if (i > 0) {
      EXPECT_GT(ladder.rung(i).compute, ladder.rung(i - 1).compute);
    }
  }
}

TEST(Ladder, OptionDecidesTheNumberOfRungs) {
  const VitConfig config = VitSmall16();
  const Ordering ordering = RandomOrdering(config, 2);
  EXPECT_EQ(MakeLadder(config, ordering, 1).size(), 1);
  EXPECT_LE(MakeLadder(config, ordering, 4).size(), 4);
  EXPECT_GT(MakeLadder(config, ordering, 101, 1).size(), 90);
  for (const int rungs : {0, -3, 5000}) {
    EXPECT_EQ(Ladder::Create(config, &ordering, {.rungs = rungs}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(Ladder, WithoutOrderingOnlyTheDenseRungIsThere) {
  const Ladder ladder = *Ladder::Create(DemoVit(), nullptr, {});
  EXPECT_EQ(ladder.size(), 1);
  EXPECT_EQ(ladder.rung(0).compute, 1);
  EXPECT_FALSE(ladder.has_fidelity());
}

TEST(Ladder, FidelityComesFromTheCurveByInterpolation) {
  const VitConfig config = DemoVit();
  Ordering ordering = RandomOrdering(config, 1);
  ordering.fidelity = {
      {0.3F, 0.6F, 1.0F}, {0.4F, 0.8F, 1.0F}, {0.02F, 0.01F, 0}, {0.5F, 0.9F, 1}, {0.1F, 0.7F, 1}};
  const Ladder ladder = MakeLadder(config, ordering);
  EXPECT_EQ(ladder.rung(ladder.dense()).fidelity, 1.0);
  const Rung& middle = ladder.rung(*ladder.AtMostCompute(0.5));
  EXPECT_NEAR(*middle.fidelity, 0.4 + (middle.compute - 0.3) / 0.3 * 0.4, 1e-6);
  EXPECT_NEAR(*middle.overlap, 0.1 + (middle.compute - 0.3) / 0.3 * 0.6, 1e-6);
  EXPECT_NEAR(*ladder.rung(0).fidelity, 0.4, 0.02);
  const int rung = ladder.AtLeastFidelity(0.8);
  EXPECT_GE(*ladder.rung(rung).fidelity, 0.8);
  EXPECT_LT(*ladder.rung(rung - 1).fidelity, 0.8);
  EXPECT_EQ(ladder.AtLeastFidelity(1.0), ladder.dense());
}

TEST(Ladder, GivenRungsAreServedAsTheyAre) {
  const auto rung = [](double compute, std::optional<double> fidelity) {
    Rung result;
    result.compute = compute;
    result.sparsity = 1 - compute;
    result.fidelity = fidelity;
    return result;
  };
  const auto ladder = Ladder::FromRungs({rung(0.3, 0.8), rung(1, 1)});
  ASSERT_TRUE(ladder.ok()) << ladder.status();
  EXPECT_EQ(ladder->rung(1).index, 1);
  EXPECT_EQ(ladder->AtMostCompute(0.5), 0);
  EXPECT_EQ(ladder->AtLeastFidelity(0.9), 1);
  EXPECT_FALSE(Ladder::FromRungs({}).ok());
  EXPECT_FALSE(Ladder::FromRungs({rung(0.3, 0.8)}).ok()) << "no dense rung";
  EXPECT_FALSE(Ladder::FromRungs({rung(1, 1), rung(0.3, 0.8)}).ok()) << "falling compute";
  EXPECT_FALSE(Ladder::FromRungs({rung(0.3, 0.8), rung(1, std::nullopt)}).ok());
  EXPECT_FALSE(Ladder::FromRungs({rung(0.3, 0.8), rung(1, 0.7)}).ok()) << "falling fidelity";
}

}  // namespace
}  // namespace snapvit
