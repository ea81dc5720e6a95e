#include "core/scheduling/fair_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace snapvit {
namespace {

std::vector<double> Limits(std::vector<ShareClaim> claims) {
  ShareOut(claims);
  std::vector<double> limits;
  for (const ShareClaim& claim : claims) limits.push_back(claim.limit);
  return limits;
}

using testing::DoubleNear;
using testing::ElementsAre;

TEST(FairShare, LeavesAllToOneTenant) {
  EXPECT_THAT(Limits({{.demand = 0.3}}), ElementsAre(1));
  EXPECT_THAT(Limits({{.demand = 5}}), ElementsAre(1));
  EXPECT_THAT(Limits({}), ElementsAre());
}

TEST(FairShare, LetsEverybodyUseWhatItFindsWhileAllFits) {
  EXPECT_THAT(Limits({{.demand = 0.2}, {.demand = 0.3}}), ElementsAre(1, 1));
}

TEST(FairShare, GivesTheRestToTheGreedy) {
  EXPECT_THAT(Limits({{.demand = 0.1}, {.demand = 10}}),
              ElementsAre(DoubleNear(0.9, 1e-9), DoubleNear(0.9, 1e-9)))
      << "the modest one may come back to its level at any time";
}

TEST(FairShare, SharesByWeightAmongTheGreedy) {
  EXPECT_THAT(Limits({{.demand = 2, .weight = 1}, {.demand = 9, .weight = 3}}),
              ElementsAre(DoubleNear(0.25, 1e-9), DoubleNear(0.75, 1e-9)));
}

TEST(FairShare, LeavesWhatOthersDoNotUseToTheInteractiveFirst) {
  constexpr auto kBatch = PriorityClass::kBatch;
  std::vector<ShareClaim> claims = {
      {.demand = 0.1}, {.demand = 9}, {.demand = 9, .priority = kBatch}};
  ShareOut(claims);
  EXPECT_NEAR(claims[2].limit, 1.0 / 3, 1e-9) << "its share, and no more";
  EXPECT_NEAR(claims[1].limit, 1 - 0.1 - 1.0 / 3, 1e-9);
  EXPECT_NEAR(claims[1].pace, claims[1].limit / claims[2].limit, 1e-9);
  claims[1].demand = 0.5;
  ShareOut(claims);
  EXPECT_NEAR(claims[2].limit, 0.4, 1e-9) << "what the others leave";
  claims[2].demand = 0.2;
  EXPECT_THAT(Limits(claims), ElementsAre(1, 1, 1)) << "all fits";
}

TEST(FairShare, KeepsItsShareForEverybodyWhateverTheClasses) {
  std::mt19937 random(4);
  std::uniform_real_distribution<double> demand(0, 0.8), weight(0.1, 4);
  for (int round = 0; round < 1000; ++round) {
    std::vector<ShareClaim> claims(1 + round % 7);
    double weights = 0;
    for (ShareClaim& claim : claims) {
      claim = {demand(random), weight(random), static_cast<PriorityClass>(random() % 2)};
      weights += claim.weight;
    }
    ShareOut(claims);
    double used = 0;
    double missing = 0;
    double batch_beyond = 0;
    double interactive_missing = 0;
    for (const ShareClaim& claim : claims) {
      const double use = std::min(claim.demand, claim.limit);
      const double share = claim.weight / weights;
      used += use;
      missing += claim.demand - use;
      ASSERT_GE(use, std::min(claim.demand, share) - 1e-9);
      if (claim.priority == PriorityClass::kBatch) {
        batch_beyond += std::max(0.0, use - share);
        ASSERT_EQ(claim.pace, 1);
      } else {
        interactive_missing += claim.demand - use;
        ASSERT_GE(claim.pace, 1);
      }
    }
    ASSERT_LE(used, 1 + 1e-9);
    if (missing > 1e-9) {
      ASSERT_NEAR(used, 1, 1e-9) << "nothing is left over";
    }
    if (interactive_missing > 1e-9) {
      ASSERT_LE(batch_beyond, 1e-9) << "the rest comes second";
    }
  }
}

TEST(FairShare, IsMaxMin) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> demand(0, 0.6), weight(0.1, 4);
  for (int round = 0; round < 1000; ++round) {
    std::vector<ShareClaim> claims(1 + round % 7);
    for (ShareClaim& claim : claims) claim = {demand(random), weight(random)};
    ShareOut(claims);
    double used = 0;
    for (const ShareClaim& claim : claims) used += std::min(claim.demand, claim.limit);
    ASSERT_LE(used, 1 + 1e-9);
    for (const ShareClaim& a : claims) {
      if (a.demand <= a.limit) continue;
      ASSERT_NEAR(used, 1, 1e-9) << "nothing is left over while somebody wants more";
      for (const ShareClaim& b : claims) {
        ASSERT_GE(a.limit / a.weight, std::min(b.demand, b.limit) / b.weight - 1e-9)
            << "nobody has more for its weight than one who wants more";
      }
    }
  }
}

}  // namespace
}  // namespace snapvit
