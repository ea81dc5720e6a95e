#include "core/elastic/rung_interval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/orderings.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

class ResolveBudgetTest : public ::testing::Test {
 protected:
  static Ordering WithCurve() {
    Ordering ordering = RandomOrdering(DemoVit(), 4);
    ordering.fidelity = {{0.25F, 0.5F, 1.0F}, {0.5F, 0.8F, 1.0F}, {0, 0, 0}, {}};
    return ordering;
  }

  absl::StatusOr<RungInterval> Resolve(const Budget& budget) {
    return ResolveBudget(budget, ladder_, &ranking_, cost_, limits_, latency_);
  }
  absl::StatusOr<RungInterval> Resolve(BudgetTarget target) {
    return Resolve(Budget{target, {}, false});
  }
  double Compute(int rung) const { return ladder_.rung(rung).compute; }
  int At(double compute) const { return *ladder_.AtMostCompute(compute); }

  const VitConfig config_ = DemoVit();
  const Ordering ordering_ = WithCurve();
  const UnitRanking ranking_{ordering_};
  const CostModel cost_{config_};
  const Ladder ladder_ = *Ladder::Create(config_, &ordering_, {});
  BudgetLimits limits_;
  LatencyEstimate latency_;
};

TEST_F(ResolveBudgetTest, ComputeMeansTheLargestRungNotAbove) {
  for (const double compute : {0.3, 0.333, 0.5, 0.75, 0.987, 1.0}) {
    const RungInterval interval = *Resolve(ComputeTarget{compute});
    EXPECT_LE(Compute(interval.wanted), compute);
    if (interval.wanted < ladder_.dense()) {
      EXPECT_GT(Compute(interval.wanted + 1), compute);
    }
    EXPECT_EQ(interval.requested_compute, compute);
    EXPECT_EQ(interval.reason, BudgetReason::kAsRequested);
  }
}

TEST_F(ResolveBudgetTest, OtherTargetsMeanTheirRung) {
  EXPECT_EQ(Resolve(GflopsTarget{0.5 * cost_.dense_flops() * 1e-9})->wanted, At(0.5));
  EXPECT_EQ(Resolve(GflopsTarget{1e6})->wanted, ladder_.dense());
  const int sparse = Resolve(SparsityTarget{0.3})->wanted;
  EXPECT_GE(ladder_.rung(sparse).sparsity, 0.3);
  EXPECT_LT(ladder_.rung(sparse + 1).sparsity, 0.3);
  const int faithful = Resolve(FidelityTarget{0.8})->wanted;
  EXPECT_GE(*ladder_.rung(faithful).fidelity, 0.8);
  EXPECT_LT(*ladder_.rung(faithful - 1).fidelity, 0.8);
  const double ratios = cost_.Compute(*ranking_.Keep(0.35, 0.2));
  EXPECT_EQ(Resolve(RatiosTarget{0.35, 0.2})->wanted, At(ratios));
}

TEST_F(ResolveBudgetTest, LatencyMeansTheLargestRungThatFits) {
  EXPECT_EQ(Resolve(LatencyTarget{absl::Milliseconds(9)}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  latency_ = [](int rung) { return absl::Milliseconds(2 + rung); };
  EXPECT_EQ(Resolve(LatencyTarget{absl::Milliseconds(9)})->wanted, 7);
  EXPECT_EQ(Resolve(LatencyTarget{absl::Milliseconds(1)})->reason, BudgetReason::kModelFloor);
}

TEST_F(ResolveBudgetTest, BelowTheLadderTheSmallestRungIsServedAndSaysWhy) {
  const RungInterval interval = *Resolve(ComputeTarget{0.01});
  EXPECT_EQ(interval.wanted, 0);
  EXPECT_EQ(interval.reason, BudgetReason::kModelFloor);
}

TEST_F(ResolveBudgetTest, ModelFloorRaisesAndTenantCeilingAndAdminLimitLower) {
  limits_.model_floor = At(0.5);
  EXPECT_EQ(Resolve(ComputeTarget{0.3})->wanted, At(0.5));
  EXPECT_EQ(Resolve(ComputeTarget{0.3})->reason, BudgetReason::kModelFloor);
  limits_.tenant_ceiling = At(0.7);
  EXPECT_EQ(Resolve(ComputeTarget{1})->wanted, At(0.7));
  EXPECT_EQ(Resolve(ComputeTarget{1})->reason, BudgetReason::kTenantLimit);
  limits_.admin_limit = At(0.6);
  EXPECT_EQ(Resolve(ComputeTarget{1})->wanted, At(0.6));
  EXPECT_EQ(Resolve(ComputeTarget{1})->reason, BudgetReason::kAdminLimit);
  limits_.admin_limit = At(0.3);  // below the model floor: the floor wins
  EXPECT_EQ(Resolve(ComputeTarget{1})->wanted, At(0.5));
}

TEST_F(ResolveBudgetTest, FloorIsTheHighestThatAppliesButNeverAboveWanted) {
  limits_.tenant_floor = At(0.6);
  EXPECT_EQ(Resolve(ComputeTarget{1})->floor, At(0.6));
  EXPECT_EQ(Resolve(ComputeTarget{0.4})->floor, At(0.4));  // an explicit smaller ask is honoured
  const RungInterval own = *Resolve(Budget{ComputeTarget{1}, ComputeTarget{0.4}, false});
  EXPECT_GE(Compute(own.floor), 0.4);
  EXPECT_LT(own.floor, At(0.6));
  // A floor equal to the budget is no contradiction although no rung is exactly there.
  const RungInterval equal = *Resolve(Budget{ComputeTarget{0.51}, ComputeTarget{0.51}, false});
  EXPECT_EQ(equal.floor, equal.wanted);
}

TEST_F(ResolveBudgetTest, APinIsServedWhateverIsAskedBetweenFloorsAndCaps) {
  limits_.pin = At(0.6);
  for (const double asked : {1.0, 0.6, 0.3}) {
    const RungInterval pinned = *Resolve(ComputeTarget{asked});
    EXPECT_EQ(pinned.wanted, At(0.6));
    EXPECT_EQ(pinned.floor, At(0.6));
    EXPECT_EQ(pinned.requested_compute, asked);
    EXPECT_EQ(pinned.reason, asked == 0.6 ? BudgetReason::kAsRequested : BudgetReason::kAdminLimit);
  }
  limits_.tenant_ceiling = At(0.5);
  EXPECT_EQ(Resolve(ComputeTarget{1})->wanted, At(0.5));
  limits_.admin_limit = At(0.4);
  EXPECT_EQ(Resolve(ComputeTarget{1})->wanted, At(0.4));
  limits_ = {};
  limits_.pin = At(0.4);
  limits_.tenant_floor = At(0.7);
  EXPECT_EQ(Resolve(ComputeTarget{1})->wanted, At(0.7));
  EXPECT_EQ(Resolve(ComputeTarget{0.5})->wanted, At(0.5));  // its floor is what it asked for
  EXPECT_EQ(Resolve(Budget{ComputeTarget{1}, {}, true}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ResolveBudgetTest, TheLeastRungOfAFloorSatisfiesIt) {
  EXPECT_GE(Compute(LeastRung(ComputeTarget{0.512}, ladder_)), 0.512);
  EXPECT_EQ(LeastRung(ComputeTarget{Compute(3)}, ladder_), 3);
  EXPECT_EQ(LeastRung(FidelityTarget{0.9}, ladder_), ladder_.AtLeastFidelity(0.9));
  const Ordering plain = RandomOrdering(config_, 4);
  const Ladder without_fidelity = *Ladder::Create(config_, &plain, {});
  EXPECT_EQ(LeastRung(FidelityTarget{0.9}, without_fidelity), without_fidelity.dense());
}

TEST_F(ResolveBudgetTest, ContradictionsAreRefused) {
  const absl::Status above =
      Resolve(Budget{ComputeTarget{0.4}, ComputeTarget{0.6}, false}).status();
  EXPECT_EQ(above.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(above.message()), HasSubstr("floor 0.6 is above the budget 0.4"));
  EXPECT_EQ(Resolve(Budget{ComputeTarget{0.4}, FidelityTarget{0.99}, false}).status().code(),
            absl::StatusCode::kInvalidArgument);
  limits_.tenant_ceiling = At(0.5);
  EXPECT_EQ(Resolve(Budget{ComputeTarget{1}, ComputeTarget{0.8}, false}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ResolveBudgetTest, StrictPinsTheRungOrFails) {
  const RungInterval strict = *Resolve(Budget{ComputeTarget{0.5}, {}, true});
  EXPECT_EQ(strict.floor, strict.wanted);
  limits_.tenant_ceiling = At(0.4);
  EXPECT_EQ(Resolve(Budget{ComputeTarget{0.5}, {}, true}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  limits_ = {};
  limits_.model_floor = At(0.7);
  EXPECT_EQ(Resolve(Budget{ComputeTarget{0.5}, {}, true}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  limits_ = {};
  limits_.strict_allowed = false;
  EXPECT_EQ(Resolve(Budget{ComputeTarget{0.5}, {}, true}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ResolveBudgetTest, NoTargetMeansTheDefault) {
  EXPECT_EQ(Resolve(Budget{})->wanted, ladder_.dense());
  limits_.default_target = ComputeTarget{0.5};
  EXPECT_EQ(Resolve(Budget{})->wanted, At(0.5));
}

TEST_F(ResolveBudgetTest, WhatTheModelCannotTellIsFailedPrecondition) {
  const Ladder plain = *Ladder::Create(config_, nullptr, {});
  for (const BudgetTarget& target :
       {BudgetTarget(FidelityTarget{0.9}), BudgetTarget(RatiosTarget{0.3, 0.2})}) {
    EXPECT_EQ(ResolveBudget(Budget{target, {}, false}, plain, nullptr, cost_, limits_, latency_)
                  .status()
                  .code(),
              absl::StatusCode::kFailedPrecondition);
  }
}

TEST_F(ResolveBudgetTest, NumbersOutsideTheirRangeAreInvalid) {
  for (const double value : {0.0, -1.0, 7.0, std::nan("")}) {
    EXPECT_EQ(Resolve(ComputeTarget{value}).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Resolve(Budget{ComputeTarget{1}, ComputeTarget{value}, false}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace snapvit
