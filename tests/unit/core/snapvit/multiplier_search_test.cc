#include "core/snapvit/multiplier_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace snapvit {
namespace {

constexpr int kBlocks = 4;
constexpr int kHeads = 3;

// A sum of eight terms that are at least 0, as the fitness is, with its terms added up until they
// reach `bound`.
double Fitness(const std::vector<double>& x, double bound, int& terms) {
  double sum = 0;
  for (int term = 0; term < 8; ++term) {
    for (size_t i = term; i < x.size(); i += 8) sum += std::pow(std::abs(x[i]) - 0.3 * term, 2);
    ++terms;
    if (sum >= bound) break;
  }
  return sum;
}

struct SearchRun {
  std::vector<std::vector<double>> candidates;
  std::vector<double> values;
  std::vector<double> best;
  double best_fitness = 0;
  int terms = 0;
};

SearchRun Search(int evaluations, bool bounded, uint64_t seed) {
  MultiplierSearch search(kBlocks, kHeads, evaluations, seed);
  SearchRun run;
  while (!search.finished()) {
    run.candidates.push_back(search.Next());
    const double bound = bounded ? search.Bound() : std::numeric_limits<double>::infinity();
    run.values.push_back(Fitness(run.candidates.back(), bound, run.terms));
    EXPECT_TRUE(search.Record(run.values.back()).ok());
  }
  run.best = search.best();
  run.best_fitness = search.best_fitness();
  return run;
}

TEST(MultiplierSearch, StoppingAtTheBoundChangesNothing) {
  // A population is 12: a part of a generation, whole ones, and whole ones and a part.
  for (const int evaluations : {5, 12, 36, 50, 61}) {
    for (const uint64_t seed : {1, 2, 3}) {
      const SearchRun exact = Search(evaluations, /*bounded=*/false, seed);
      const SearchRun bounded = Search(evaluations, /*bounded=*/true, seed);
      EXPECT_EQ(exact.candidates, bounded.candidates) << evaluations;
      EXPECT_EQ(exact.best, bounded.best) << evaluations;
      EXPECT_EQ(exact.best_fitness, bounded.best_fitness) << evaluations;
      EXPECT_LT(bounded.terms, evaluations > 12 ? exact.terms : exact.terms + 1);
    }
  }
}

TEST(MultiplierSearch, RecordingTheSameValuesRestoresIt) {
  const SearchRun whole = Search(30, /*bounded=*/true, 7);
  MultiplierSearch restored(kBlocks, kHeads, 30, 7);
  for (int i = 0; i < 17; ++i) {
    restored.Next();
    ASSERT_TRUE(restored.Record(whole.values[i]).ok());
  }
  for (int i = 17; i < 30; ++i) {
    EXPECT_EQ(restored.Next(), whole.candidates[i]) << i;
    int terms = 0;
    EXPECT_EQ(Fitness(whole.candidates[i], restored.Bound(), terms), whole.values[i]) << i;
    ASSERT_TRUE(restored.Record(whole.values[i]).ok());
  }
  EXPECT_TRUE(restored.finished());
  EXPECT_EQ(restored.best(), whole.best);
}

TEST(MultiplierSearch, StartsAroundThePublishedMean) {
  std::vector<double> sum(kBlocks + kBlocks * kHeads);
  constexpr int kSeeds = 4000;
  for (int seed = 0; seed < kSeeds; ++seed) {
    MultiplierSearch search(kBlocks, kHeads, 1, seed);
    const std::vector<double>& x = search.Next();
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += x[i] / kSeeds;
  }
  for (int block = 0; block < kBlocks; ++block) {
    const double expected = 1.2 - 0.4 * block / 3;
    EXPECT_NEAR(sum[block], expected, 0.07);
    for (int head = 0; head < kHeads; ++head) {
      EXPECT_NEAR(sum[kBlocks + kHeads * block + head], expected, 0.07);
    }
  }
}

}  // namespace
}  // namespace snapvit
