#include "core/elastic/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace snapvit {
namespace {

using ::testing::HasSubstr;

TEST(Budget, EveryFormRoundTrips) {
  for (const char* text : {"0.5", "1", "4.2gflops", "15ms", "fidelity:0.95", "sparsity:0.3",
                           "mlp:0.25/heads:0.1", "0.333", "0.987"}) {
    const absl::StatusOr<BudgetTarget> target = ParseBudgetTarget(text);
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(FormatBudgetTarget(*target), text);
  }
}

TEST(Budget, PercentIsAShareOfTheDenseModel) {
  EXPECT_DOUBLE_EQ(std::get<ComputeTarget>(*ParseBudgetTarget("50%")).share, 0.5);
  EXPECT_DOUBLE_EQ(std::get<RatiosTarget>(*ParseBudgetTarget("mlp:.25/heads:.1")).heads, 0.1);
  EXPECT_EQ(std::get<LatencyTarget>(*ParseBudgetTarget("1.5s")).duration, absl::Milliseconds(1500));
}

TEST(Budget, RefusesValuesOutsideTheirRangeAndNamesThem) {
  const std::pair<const char*, const char*> cases[] = {
      {"0", "budget compute is 0"},       {"-1", "budget compute is -1"},
      {"nan", "budget compute is nan"},   {"7", "budget compute is 7"},
      {"inf", "budget compute is inf"},   {"101%", "budget compute is 1.01"},
      {"sparsity:1", "budget sparsity"},  {"sparsity:-0.1", "budget sparsity is -0.1"},
      {"fidelity:0", "budget fidelity"},  {"0gflops", "budget gflops is 0"},
      {"-5ms", "budget latency is -5ms"}, {"mlp:1/heads:0", "budget mlp ratio is 1"},
  };
  for (const auto& [text, message] : cases) {
    const absl::Status status = ParseBudgetTarget(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("expected"));
  }
}

TEST(Budget, RefusesWhatItDoesNotUnderstand) {
  for (const char* text :
       {"", "half", "0.5x", "fidelity:", "mlp:.2", "mlp:.2/head:.1", "50%%", "5 ms"}) {
    const absl::Status status = ParseBudgetTarget(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_THAT(std::string(ParseBudgetTarget("half").status().message()),
              HasSubstr("'half' is not understood"));
}

TEST(Budget, ListsAreSeparatedByCommas) {
  const auto targets = ParseBudgetTargets("1,0.5,fidelity:0.9");
  ASSERT_TRUE(targets.ok());
  EXPECT_EQ(targets->size(), 3U);
  EXPECT_FALSE(ParseBudgetTargets("1,,0.5").ok());
}

TEST(Budget, FloorsAreComputeOrFidelity) {
  EXPECT_DOUBLE_EQ(std::get<ComputeTarget>(*ParseFloor("40%")).share, 0.4);
  EXPECT_DOUBLE_EQ(std::get<FidelityTarget>(*ParseFloor("fidelity:0.8")).fidelity, 0.8);
  EXPECT_FALSE(ParseFloor("15ms").ok());
}

}  // namespace
}  // namespace snapvit
