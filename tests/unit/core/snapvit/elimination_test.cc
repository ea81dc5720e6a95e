#include "core/snapvit/elimination.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "core/snapvit/low_rank.h"

namespace snapvit {
namespace {

at::Tensor Noise(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed),
                   at::TensorOptions(at::kDouble));
}

at::Tensor Positive(int64_t size, uint64_t seed) {
  const at::Tensor samples = Noise({3 * size, size}, seed);
  return at::matmul(samples.t(), samples) / static_cast<double>(3 * size);
}

// What a HalfProblem is made of.
struct Parts {
  at::Tensor covariance, metric, weight;
  int64_t unit_size = 1;

  HalfProblem problem() const {
    return MakeHalfProblem(covariance, metric, weight, /*scale=*/{}, unit_size);
  }
};

Parts RandomParts(int units, int64_t unit_size, int64_t width) {
  const int64_t rows = units * unit_size;
  return {Positive(rows, 1), Positive(width, 3), Noise({rows, width}, 4), unit_size};
}

at::Tensor Rows(const std::vector<int>& units, int64_t unit_size) {
  std::vector<int64_t> rows;
  for (const int unit : units) {
    for (int64_t i = 0; i < unit_size; ++i) rows.push_back(unit * unit_size + i);
  }
  return at::tensor(rows);
}

// What is lost when `pruned` go and the others are adapted by least squares, by its definition.
double LossWithout(const Parts& half, const std::vector<int>& kept,
                   const std::vector<int>& pruned) {
  const at::Tensor k = Rows(kept, half.unit_size);
  const at::Tensor p = Rows(pruned, half.unit_size);
  const at::Tensor& c = half.covariance;
  const auto part = [&c](const at::Tensor& a, const at::Tensor& b) {
    return c.index_select(0, a).index_select(1, b);
  };
  const at::Tensor unexplained =
      part(p, p) - at::matmul(part(p, k), at::matmul(at::linalg_inv(part(k, k)), part(k, p)));
  const at::Tensor lost = half.weight.index_select(0, p);
  return 0.5 * at::matmul(half.metric, at::matmul(lost.t(), at::matmul(unexplained, lost)))
                   .trace()
                   .item<double>();
}

class EliminationTest : public ::testing::TestWithParam<int> {};

// Tries every unit at every step.
TEST_P(EliminationTest, TakesTheUnitWhoseLossIsSmallestAfterLeastSquares) {
  const Parts half = RandomParts(6, GetParam(), 5);
  std::vector<int> kept = {0, 1, 2, 3, 4, 5};
  std::vector<int> pruned;
  while (kept.size() > 1) {
    double least = std::numeric_limits<double>::infinity();
    size_t best = 0;
    for (size_t i = 0; i < kept.size(); ++i) {
      std::vector<int> rest = kept;
      rest.erase(rest.begin() + i);
      std::vector<int> out = pruned;
      out.push_back(kept[i]);
      const double loss = LossWithout(half, rest, out);
      if (loss < least) {
        least = loss;
        best = i;
      }
    }
    pruned.push_back(kept[best]);
    kept.erase(kept.begin() + best);
  }
  std::vector<int> expected = kept;
  expected.insert(expected.end(), pruned.rbegin(), pruned.rend());
  EXPECT_EQ(EliminationOrder(half.problem(), 1), expected);
}

TEST_P(EliminationTest, ReturnsEveryUnitOnceAlsoInLargerSteps) {
  const std::vector<int> order = EliminationOrder(RandomParts(13, GetParam(), 5).problem(), 4);
  EXPECT_EQ(order.size(), 13U);
  EXPECT_EQ(std::set<int>(order.begin(), order.end()).size(), 13U);
}

INSTANTIATE_TEST_SUITE_P(UnitSizes, EliminationTest, ::testing::Values(1, 3));

// Eliminates by the formulas as they stand: the inverse of what is left, anew at every step.
std::vector<int> PlainElimination(const Parts& half, size_t step) {
  std::vector<int> kept(half.weight.size(0));
  std::iota(kept.begin(), kept.end(), 0);
  std::vector<int> removed;
  at::Tensor weight = half.weight;
  while (kept.size() > step) {
    const at::Tensor rows = Rows(kept, 1);
    const at::Tensor precision =
        at::linalg_inv(half.covariance.index_select(0, rows).index_select(1, rows));
    const at::Tensor costs =
        (at::matmul(weight, half.metric) * weight).sum(1) / precision.diagonal();
    const at::Tensor cheapest = costs.argsort();
    const at::Tensor out = cheapest.narrow(0, 0, step),
                     left = std::get<0>(cheapest.narrow(0, step, cheapest.size(0) - step).sort());
    const at::Tensor across = precision.index_select(0, left).index_select(1, out);
    const at::Tensor own = precision.index_select(0, out).index_select(1, out);
    weight = weight.index_select(0, left) -
             at::matmul(across, at::matmul(at::linalg_inv(own), weight.index_select(0, out)));
    std::vector<int> next;
    for (int64_t i = 0; i < out.size(0); ++i) removed.push_back(kept[out[i].item<int64_t>()]);
    for (int64_t i = 0; i < left.size(0); ++i) next.push_back(kept[left[i].item<int64_t>()]);
    kept = std::move(next);
  }
  std::reverse(removed.begin(), removed.end());
  return removed;
}

// So many that the precision is brought up to date, and what went is dropped, several times on the
// way.
TEST(EliminationOrder, IsThatOfThePlainFormulas) {
  const Parts half = RandomParts(400, 1, 24);
  std::vector<int> order = EliminationOrder(half.problem(), 8);
  order.erase(order.begin(), order.begin() + 8);  // what costs last is not compared
  EXPECT_EQ(order, PlainElimination(half, 8));
}

// LayerScale is a part of the output matrix; what it takes away altogether costs nothing.
TEST(HalfProblem, LayerScaleIsFoldedIntoTheWeight) {
  const Parts half = RandomParts(7, 1, 5);
  const at::Tensor scale = at::tensor({0.5, -2.0, 1e-5, 0.0, 3.0}, at::kDouble);
  const HalfProblem scaled =
      MakeHalfProblem(half.covariance, half.metric, half.weight, scale, /*unit_size=*/1);
  const HalfProblem folded =
      MakeHalfProblem(half.covariance, half.metric, half.weight * scale, {}, /*unit_size=*/1);
  EXPECT_TRUE(scaled.weight.equal(folded.weight));
  const at::Tensor back = at::matmul(scaled.weight, scaled.to_unscaled);
  const at::Tensor seen = (scale != 0).to(at::kDouble);
  EXPECT_LE((back - half.weight * seen).abs().max().item<double>(), 1e-6);
}

// At full rank the parts are the least-squares adaptation of the kept rows.
TEST(CorrectHalf, AtFullRankIsLeastSquares) {
  const Parts half = RandomParts(8, 2, 5);
  const std::vector<int> order = {3, 1, 7, 0, 2, 6, 5, 4};
  const std::vector<LowRankParts> parts = CorrectHalf(half.problem(), order, {5}, 5);
  ASSERT_EQ(parts.size(), 1U);
  const at::Tensor k = Rows({3, 1, 7, 0, 2}, 2);
  const at::Tensor p = Rows({6, 5, 4}, 2);
  const at::Tensor across = half.covariance.index_select(0, k).index_select(1, p);
  const at::Tensor own = half.covariance.index_select(0, k).index_select(1, k);
  const at::Tensor expected =
      at::matmul(at::linalg_inv(own), at::matmul(across, half.weight.index_select(0, p)));
  const at::Tensor actual = at::matmul(parts[0].in, parts[0].out).to(at::kDouble);
  EXPECT_LE((actual - expected).abs().max().item<double>(), 1e-4);
}

// The loss that a part saves is its gain ÷ 2: cutting a part off costs just that.
TEST(CorrectHalf, GainsAreTheLossThatPartsSave) {
  const Parts half = RandomParts(10, 1, 6);
  const std::vector<int> order = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const LowRankParts parts = CorrectHalf(half.problem(), order, {6}, 6)[0];
  const at::Tensor own = half.covariance.narrow(0, 0, 6).narrow(1, 0, 6);
  double before = 0;
  for (int rank = 6; rank >= 1; --rank) {
    const at::Tensor cut =
        at::matmul(parts.in.narrow(1, rank - 1, 7 - rank), parts.out.narrow(0, rank - 1, 7 - rank))
            .to(at::kDouble);
    const double lost =
        at::matmul(half.metric, at::matmul(cut.t(), at::matmul(own, cut))).trace().item<double>();
    EXPECT_NEAR(lost - before, parts.gains[rank - 1], 1e-3 * lost + 1e-6);
    before = lost;
  }
}

TEST(AllocateRanks, TakesTheBestGainPerByteWithinTheBound) {
  const auto parts = [](int64_t rows, std::vector<double> gains) {
    const auto rank = static_cast<int64_t>(gains.size());
    return LowRankParts{static_cast<int>(rows), at::zeros({rows, rank}), at::zeros({rank, 10}),
                        std::move(gains)};
  };
  const LowRankParts small = parts(10, {6, 1});   // 40 bytes a part
  const LowRankParts large = parts(30, {10, 9});  // 80 bytes a part
  // Gains per byte: .15, .025 and .125, .1125.
  EXPECT_EQ(AllocateRanks({&small, &large}, 39), (std::vector<int>{0, 0}));
  EXPECT_EQ(AllocateRanks({&small, &large}, 40), (std::vector<int>{1, 0}));
  EXPECT_EQ(AllocateRanks({&small, &large}, 120), (std::vector<int>{1, 1}));
  EXPECT_EQ(AllocateRanks({&small, &large}, 200), (std::vector<int>{1, 2}));
  EXPECT_EQ(AllocateRanks({&small, &large}, 10000), (std::vector<int>{2, 2}));
}

}  // namespace
}  // namespace snapvit
