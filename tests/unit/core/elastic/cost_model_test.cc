#include "core/elastic/cost_model.h"

#include <gtest/gtest.h>

#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

// The three worked values of docs/design.md, each term written out.
TEST(CostModel, DenseVitBaseIsTheWorkedValue) {
  const double patch = 2.0 * 196 * (3 * 16 * 16) * 768;
  const double qkv_proj = 2.0 * 197 * 768 * (4 * 768);
  const double attention = 4.0 * 197 * 197 * 768;
  const double mlp = 2.0 * 197 * 768 * 3072 * 2;
  const double head = 2.0 * 768 * 1000;
  const CostModel cost(VitBase16());
  EXPECT_DOUBLE_EQ(cost.dense_flops(), patch + 12 * (qkv_proj + attention + mlp) + head);
  EXPECT_NEAR(cost.dense_flops() * 1e-9, 35.13, 0.01);
}

TEST(CostModel, DenseVitSmallWithoutClassifierIsTheWorkedValue) {
  EXPECT_NEAR(CostModel(VitSmall16()).dense_flops() * 1e-9, 9.20, 0.01);
}

TEST(CostModel, HalfOfTheHeadsAndChannelsOfTheDemoModelIsTheWorkedValue) {
  const VitConfig config = DemoVit();
  const CostModel cost(config);
  const KeepCounts half{std::vector<int>(6, 384), std::vector<int>(6, 3)};
  const double blocks = 6.0 * (2.0 * 65 * 192 * 4 * 96 + 4.0 * 65 * 65 * 96 + 4.0 * 65 * 192 * 384);
  EXPECT_DOUBLE_EQ(cost.Flops(half), 2.0 * 64 * 48 * 192 + blocks + 2.0 * 192 * 10);
  EXPECT_NEAR(cost.Compute(half), 0.5, 0.01);
  EXPECT_DOUBLE_EQ(cost.ChannelRatio(half), 0.5);
  EXPECT_DOUBLE_EQ(cost.HeadRatio(half), 0.5);
  EXPECT_DOUBLE_EQ(cost.Sparsity(half), 0.5);
}

TEST(CostModel, SparsityIsTwoThirdsOfTheMlpRatioPlusOneThirdOfTheHeadRatio) {
  const VitConfig config = VitBase16();
  KeepCounts keep = KeepCounts::Dense(config);
  for (int& channels : keep.channels) channels = 3072 * 3 / 4;
  for (int& heads : keep.heads) heads = 9;
  keep.heads[0] = 12;
  const CostModel cost(config);
  EXPECT_NEAR(cost.Sparsity(keep), 2.0 / 3 * 0.25 + 1.0 / 3 * cost.HeadRatio(keep), 1e-12);
}

}  // namespace
}  // namespace snapvit
