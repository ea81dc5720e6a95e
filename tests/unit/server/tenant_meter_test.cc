#include "server/tenant_meter.h"

#include <gtest/gtest.h>

#include "core/base/error_reason.h"
#include "tests/testing/fake_clock.h"

namespace snapvit {
namespace {

class TenantMeterTest : public ::testing::Test {
 protected:
  absl::StatusOr<UsageGrant> Admit(double wanted, double floor, int images = 1) {
    return meter_->Admit(limits_, {images, wanted, floor});
  }

  FakeClock clock_;
  UsageLimits limits_{/*rate_gflops=*/10, /*burst_gflop=*/100, std::nullopt};
  const std::shared_ptr<TenantMeter> meter_ = TenantMeter::Create(&clock_);
};

// A request that was computed at `gflop`.
void Compute(absl::StatusOr<UsageGrant> grant, double gflop) {
  ASSERT_TRUE(grant.ok()) << grant.status();
  grant->End(gflop);
}

TEST_F(TenantMeterTest, ABurstIsServedAsWantedThenAtTheFloorThenRefusedWithTheRefill) {
  Compute(Admit(60, 30), 60);
  auto at_floor = Admit(60, 30);
  ASSERT_TRUE(at_floor.ok());
  EXPECT_TRUE(at_floor->at_floor());
  Compute(std::move(at_floor), 30);
  const auto refused = Admit(60, 30);  // 10 are left
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetReason(refused.status()), kReasonRateLimit);
  EXPECT_EQ(GetRetryAfter(refused.status()), absl::Seconds(2));
}

TEST_F(TenantMeterTest, WhoeverWaitsAsToldIsLetIn) {
  limits_.rate_gflops = 7;  // no round number of nanoseconds
  Compute(Admit(100, 100), 100);
  const auto refused = Admit(33, 33);
  ASSERT_FALSE(refused.ok());
  clock_.Advance(*GetRetryAfter(refused.status()) - absl::Milliseconds(1));
  EXPECT_FALSE(Admit(33, 33).ok());
  clock_.Advance(absl::Milliseconds(1) + absl::Nanoseconds(1));
  EXPECT_TRUE(Admit(33, 33).ok());
}

TEST_F(TenantMeterTest, TheBucketNeverHoldsMoreThanTheBurst) {
  clock_.Advance(absl::Hours(24));
  Compute(Admit(100, 100), 100);
  EXPECT_FALSE(Admit(1, 1).ok());
}

TEST_F(TenantMeterTest, WhatWasNotComputedIsGivenBack) {
  { const auto dropped = Admit(100, 100); }
  Compute(Admit(100, 100), 40);
  Compute(Admit(60, 60), 60);
  EXPECT_FALSE(Admit(1, 1).ok());
}

TEST_F(TenantMeterTest, AFloorAboveTheBurstNeedsAFullBucketAndLeavesADebt) {
  Compute(Admit(400, 250), 250);
  const auto refused = Admit(1, 1);
  EXPECT_EQ(GetRetryAfter(refused.status()), absl::Seconds(15.1));
  clock_.Advance(absl::Seconds(24));
  EXPECT_FALSE(Admit(250, 250).ok());
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Admit(250, 250).ok());
}

TEST_F(TenantMeterTest, ImagesInFlightAreBounded) {
  limits_ = {std::nullopt, 0, /*concurrency=*/4};
  auto three = Admit(1, 1, 3);
  ASSERT_TRUE(three.ok());
  EXPECT_TRUE(Admit(1, 1, 1).ok());  // has ended again
  const auto refused = Admit(1, 1, 2);
  EXPECT_EQ(GetReason(refused.status()), kReasonConcurrency);
  EXPECT_EQ(GetReason(Admit(1, 1, 5).status()), kReasonTooLarge);
  three->End(0);
  EXPECT_TRUE(Admit(1, 1, 4).ok());
}

TEST_F(TenantMeterTest, ARefusalForConcurrencyCostsNothing) {
  limits_.concurrency = 1;
  auto running = Admit(10, 10);
  ASSERT_TRUE(running.ok());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(Admit(10, 10).ok());
  running->End(10);
  EXPECT_TRUE(Admit(90, 90).ok());
}

TEST_F(TenantMeterTest, NewLimitsHoldForWhatWasUsedBefore) {
  Compute(Admit(100, 100), 100);
  limits_.burst_gflop = 150;
  Compute(Admit(50, 50), 50);
  limits_.rate_gflops.reset();
  EXPECT_TRUE(Admit(1e6, 1e6).ok());
}

TEST_F(TenantMeterTest, AGrantThatMovesIsGivenBackOnce) {
  limits_ = {std::nullopt, 0, /*concurrency=*/1};
  auto grant = Admit(1, 1);
  ASSERT_TRUE(grant.ok());
  UsageGrant moved = *std::move(grant);
  grant = absl::UnknownError("gone");
  EXPECT_FALSE(Admit(1, 1).ok());
  moved.End(1);
  moved.End(1);
  auto next = Admit(1, 1);
  ASSERT_TRUE(next.ok());
  EXPECT_FALSE(Admit(1, 1).ok());
}

}  // namespace
}  // namespace snapvit
