#include "core/snapvit/elimination.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <limits>
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

HalfProblem Problem(int units, int64_t unit_size, int64_t width) {
  const int64_t rows = units * unit_size;
  HalfProblem problem;
  problem.covariance = Positive(rows, 1);
  problem.metric = Positive(width, 3);
  problem.weight = Noise({rows, width}, 4);
  problem.unit_size = unit_size;
  return problem;
}

at::Tensor Rows(const std::vector<int>& units, int64_t unit_size) {
  std::vector<int64_t> rows;
  for (const int unit : units) {
    for (int64_t i = 0; i < unit_size; ++i) rows.push_back(unit * unit_size + i);
  }
  return at::tensor(rows);
}

// What is lost when `pruned` go and the others are adapted by least squares, by its definition.
double LossWithout(const HalfProblem& problem, const std::vector<int>& kept,
                   const std::vector<int>& pruned) {
  const at::Tensor k = Rows(kept, problem.unit_size);
  const at::Tensor p = Rows(pruned, problem.unit_size);
  const at::Tensor& c = problem.covariance;
  const auto part = [&c](const at::Tensor& a, const at::Tensor& b) {
    return c.index_select(0, a).index_select(1, b);
  };
  const at::Tensor unexplained =
      part(p, p) - at::matmul(part(p, k), at::matmul(at::linalg_inv(part(k, k)), part(k, p)));
  const at::Tensor lost = problem.weight.index_select(0, p);
  return 0.5 * at::matmul(problem.metric, at::matmul(lost.t(), at::matmul(unexplained, lost)))
                   .trace()
                   .item<double>();
}

class EliminationTest : public ::testing::TestWithParam<int> {};

// Tries every unit at every step.
TEST_P(EliminationTest, TakesTheUnitWhoseLossIsSmallestAfterLeastSquares) {
  const HalfProblem problem = Problem(6, GetParam(), 5);
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
      const double loss = LossWithout(problem, rest, out);
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
  EXPECT_EQ(EliminationOrder(problem, 1), expected);
}

TEST_P(EliminationTest, ReturnsEveryUnitOnceAlsoInLargerSteps) {
  const std::vector<int> order = EliminationOrder(Problem(13, GetParam(), 5), 4);
  EXPECT_EQ(order.size(), 13U);
  EXPECT_EQ(std::set<int>(order.begin(), order.end()).size(), 13U);
}

INSTANTIATE_TEST_SUITE_P(UnitSizes, EliminationTest, ::testing::Values(1, 3));

// At full rank the parts are the least-squares adaptation of the kept rows.
TEST(CorrectHalf, AtFullRankIsLeastSquares) {
  const HalfProblem problem = Problem(8, 2, 5);
  const std::vector<int> order = {3, 1, 7, 0, 2, 6, 5, 4};
  const std::vector<LowRankParts> parts = CorrectHalf(problem, order, {5}, 5);
  ASSERT_EQ(parts.size(), 1U);
  const at::Tensor k = Rows({3, 1, 7, 0, 2}, 2);
  const at::Tensor p = Rows({6, 5, 4}, 2);
  const at::Tensor across = problem.covariance.index_select(0, k).index_select(1, p);
  const at::Tensor own = problem.covariance.index_select(0, k).index_select(1, k);
  const at::Tensor expected =
      at::matmul(at::linalg_inv(own), at::matmul(across, problem.weight.index_select(0, p)));
  const at::Tensor actual = at::matmul(parts[0].in, parts[0].out).to(at::kDouble);
  EXPECT_LE((actual - expected).abs().max().item<double>(), 1e-4);
}

// The loss that a part saves is its gain ÷ 2: cutting a part off costs just that.
TEST(CorrectHalf, GainsAreTheLossThatPartsSave) {
  const HalfProblem problem = Problem(10, 1, 6);
  const std::vector<int> order = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const LowRankParts parts = CorrectHalf(problem, order, {6}, 6)[0];
  const at::Tensor own = problem.covariance.narrow(0, 0, 6).narrow(1, 0, 6);
  double before = 0;
  for (int rank = 6; rank >= 1; --rank) {
    const at::Tensor cut =
        at::matmul(parts.in.narrow(1, rank - 1, 7 - rank), parts.out.narrow(0, rank - 1, 7 - rank))
            .to(at::kDouble);
    const double lost = at::matmul(problem.metric, at::matmul(cut.t(), at::matmul(own, cut)))
                            .trace()
                            .item<double>();
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
