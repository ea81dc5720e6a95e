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
  const at::Tensor& scale = attention ? block.scale1 : block.scale2;
  if (scale.defined()) {  // the metric is that of the residual stream, behind LayerScale
    const at::Tensor before = scale.to(at::kDouble);
    problem.metric = problem.metric * before.unsqueeze(0) * before.unsqueeze(1);
  }
  problem.weight = (attention ? block.proj.weight : block.fc2.weight).t().to(at::kDouble);
  problem.unit_size = attention ? weights.config.head_dim : 1;
  return problem;
}

}  // namespace snapvit
