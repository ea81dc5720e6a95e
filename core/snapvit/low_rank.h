// Low-rank corrections of one half of a block: what the kept units say about the pruned ones.
#ifndef SNAPVIT_CORE_SNAPVIT_LOW_RANK_H_
#define SNAPVIT_CORE_SNAPVIT_LOW_RANK_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "core/elastic/corrections.h"
#include "core/snapvit/half_problem.h"

namespace snapvit {

// The best correction at one keep count, as rank-one parts in the order of what they are worth.
struct LowRankParts {
  int keep = 0;
  at::Tensor in;              // [keep·g, rank] f32, rows most important unit first
  at::Tensor out;             // [rank, D] f32
  std::vector<double> gains;  // [rank], falling: loss that each part saves, ×2
};

// For each of `keeps` (units, smaller than all of them). Least squares from the Cholesky factor L
// of the covariance in importance order, W_k += L_kk⁻ᵀ·L_pkᵀ·W_p; of it the `rank` parts that
// matter most in the metric, found by subspace iteration. `order`: all units, most important first.
// Throws c10::Error like ATen itself.
std::vector<LowRankParts> CorrectHalf(const HalfProblem& half, const std::vector<int>& order,
                                      const std::vector<int>& keeps, int rank);

// As stored: the first `rank` parts.
LowRankCorrection ToCorrection(const LowRankParts& parts, int structure, int rank);

// Ranks, one for each of `corrections` (with D = embed_dim), that together save the most loss in no
// more than `bytes` of bf16 tables: always the part with the highest gain per byte next.
std::vector<int> AllocateRanks(const std::vector<const LowRankParts*>& corrections, size_t bytes);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_LOW_RANK_H_
