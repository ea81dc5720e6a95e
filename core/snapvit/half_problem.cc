#include "core/snapvit/half_problem.h"

#include <ATen/ATen.h>

#include "core/elastic/structure.h"

namespace snapvit {

HalfProblem MakeHalfProblem(const VitWeights& weights, const HalfStatistics& statistics,
                            size_t half) {
  const BlockWeights& block = weights.blocks[BlockOfHalf(half)];
  const bool attention = !IsMlpHalf(half);
  HalfProblem problem;
  problem.covariance = statistics.covariance.to(at::kDouble);
  problem.covariance.diagonal().add_(problem.covariance.diagonal().mean() * kRidge + 1e-12);
  problem.metric = statistics.metric.to(at::kDouble);
  problem.weight = (attention ? block.proj_weight : block.fc2_weight).t().to(at::kDouble);
  problem.unit_size = attention ? weights.config.head_dim : 1;
  return problem;
}

}  // namespace snapvit
