#include "client/cli/bench_budget_mix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snapvit::cli {
namespace {

using ::testing::HasSubstr;

BudgetMix Parse(const std::string& text) {
  absl::StatusOr<BudgetMix> mix = BudgetMix::Parse(text, std::nullopt, /*strict=*/false);
  EXPECT_TRUE(mix.ok()) << mix.status();
  return mix.value_or(BudgetMix());
}

TEST(BudgetMix, BudgetsComeAsOftenAsTheirWeightsSay) {
  const BudgetMix mix = Parse("0.5:3, 100%:1");
  ASSERT_EQ(mix.budgets().size(), 2U);
  EXPECT_EQ(std::get<ComputeTarget>(*mix.budgets()[0].target).share, 0.5);
  EXPECT_EQ(mix.Pick(0), 0U);
  EXPECT_EQ(mix.Pick(0.749), 0U);
  EXPECT_EQ(mix.Pick(0.751), 1U);
  EXPECT_EQ(mix.Pick(0.999999), 1U);
}

TEST(BudgetMix, ColonsOfBudgetsAreNoWeights) {
  const BudgetMix mix = Parse("fidelity:0.95,sparsity:0.3:2,mlp:.25/heads:.1,15ms:3");
  ASSERT_EQ(mix.budgets().size(), 4U);
  EXPECT_EQ(std::get<FidelityTarget>(*mix.budgets()[0].target).fidelity, 0.95);
  EXPECT_EQ(std::get<SparsityTarget>(*mix.budgets()[1].target).share, 0.3);
  EXPECT_EQ(std::get<RatiosTarget>(*mix.budgets()[2].target).heads, 0.1);
  EXPECT_EQ(mix.Pick(0.99), 3U);
}

TEST(BudgetMix, FloorAndStrictBelongToAll) {
  const auto mix = BudgetMix::Parse("1,0.5", ComputeTarget{0.3}, /*strict=*/true);
  ASSERT_TRUE(mix.ok()) << mix.status();
  for (const Budget& budget : mix->budgets()) {
    EXPECT_EQ(std::get<ComputeTarget>(*budget.floor).share, 0.3);
    EXPECT_TRUE(budget.strict);
  }
  const BudgetMix none = Parse("");
  ASSERT_EQ(none.budgets().size(), 1U);
  EXPECT_FALSE(none.budgets()[0].target.has_value());
}

TEST(BudgetMix, WhatIsWrongIsNamed) {
  const auto error = [](const std::string& text) {
    return std::string(BudgetMix::Parse(text, std::nullopt, false).status().message());
  };
  EXPECT_THAT(error("0.5:x"), HasSubstr("'x' in '0.5:x' is no weight"));
  EXPECT_THAT(error("0.5:0"), HasSubstr("is no weight"));
  EXPECT_THAT(error("1,,2"), HasSubstr("budget ''"));
  EXPECT_THAT(error("much:2"), HasSubstr("much:2"));
}

}  // namespace
}  // namespace snapvit::cli
