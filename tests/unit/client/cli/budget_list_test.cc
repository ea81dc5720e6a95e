#include "client/cli/budget_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/budget_proto.h"
#include "client/cli/local_rung.h"

namespace snapvit::cli {
namespace {

using ::testing::HasSubstr;

TEST(ParseBudgetList, KeepsTheTextOfEach) {
  const auto budgets = ParseBudgetList("1, 50%,mlp:.25/heads:.1");
  ASSERT_TRUE(budgets.ok()) << budgets.status();
  ASSERT_EQ(budgets->size(), 3U);
  EXPECT_EQ((*budgets)[0].text, "1");
  EXPECT_EQ((*budgets)[1].text, "50%");
  EXPECT_EQ(std::get<ComputeTarget>(*(*budgets)[1].budget.target).share, 0.5);
  EXPECT_EQ(std::get<RatiosTarget>(*(*budgets)[2].budget.target).heads, 0.1);
}

TEST(ParseBudgetList, NamesTheFaultyOne) {
  const absl::Status status = ParseBudgetList("1,much").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'much'"));
  EXPECT_FALSE(ParseBudgetList("").ok());
  EXPECT_FALSE(ParseBudgetList("1,").ok());
}

TEST(AllDense, NeedsNoOrderingOnlyIfNothingIsPruned) {
  EXPECT_TRUE(AllDense(*ParseBudgetList("1,100%,sparsity:0,mlp:0/heads:0")));
  EXPECT_FALSE(AllDense(*ParseBudgetList("1,0.9")));
  for (const char* text : {"15ms", "fidelity:1", "0.3gflops", "mlp:0/heads:.1"}) {
    EXPECT_FALSE(AllDense(*ParseBudgetList(text))) << text;
  }
}

TEST(IsDense, AFloorLiesOnALadder) {
  Budget budget;
  EXPECT_TRUE(IsDense(budget));
  budget.floor = ComputeTarget{0.5};
  EXPECT_FALSE(IsDense(budget));
}

TEST(ToProto, LeavesOpenWhatTheBudgetLeavesOpen) {
  const v1::Budget open = ToProto(Budget());
  EXPECT_EQ(open.target_case(), v1::Budget::TARGET_NOT_SET);
  EXPECT_EQ(open.floor_case(), v1::Budget::FLOOR_NOT_SET);
  Budget budget = ParseBudgetList("15ms")->front().budget;
  budget.floor = FidelityTarget{0.8};
  budget.strict = true;
  const v1::Budget proto = ToProto(budget);
  EXPECT_EQ(proto.latency().nanos(), 15'000'000);
  EXPECT_EQ(proto.floor_fidelity(), 0.8);
  EXPECT_TRUE(proto.strict());
}

}  // namespace
}  // namespace snapvit::cli
