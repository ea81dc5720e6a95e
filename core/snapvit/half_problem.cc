#include "core/snapvit/half_problem.h"

#include <ATen/ATen.h>

#include "core/elastic/structure.h"

namespace snapvit {

HalfProblem MakeHalfProblem(const at::Tensor& covariance, const at::Tensor& metric,
                            const at::Tensor& weight, const at::Tensor& scale, int64_t unit_size) {
  const auto [values, vectors] = at::linalg_eigh(metric);
  const at::Tensor floor = values.abs().mean() * 1e-4 + 1e-30;
  const at::Tensor roots = (values.clamp_min(0) + floor).sqrt();
  HalfProblem problem;
  const at::Tensor root = at::matmul(vectors * roots, vectors.t());
  problem.covariance = covariance;
  problem.weight = at::matmul(scale.defined() ? weight * scale : weight, root);
  problem.to_unscaled = at::matmul(vectors / roots, vectors.t());
  if (scale.defined()) {
    // What LayerScale takes away altogether may be anything.
    problem.to_unscaled = at::where(scale == 0, 0.0, problem.to_unscaled / scale);
  }
  problem.unit_size = unit_size;
  return problem;
}

HalfProblem MakeHalfProblem(const VitWeights& weights, const HalfStatistics& statistics,
                            size_t half) {
  const BlockWeights& block = weights.blocks[BlockOfHalf(half)];
  const bool attention = !IsMlpHalf(half);
  const at::Tensor covariance = statistics.covariance.to(at::kDouble);
  covariance.diagonal().add_(covariance.diagonal().mean() * kRidge + 1e-12);
  const at::Tensor& scale = attention ? block.scale1 : block.scale2;
  return MakeHalfProblem(covariance, statistics.metric.to(at::kDouble),
                         (attention ? block.proj.weight : block.fc2.weight).t().to(at::kDouble),
                         scale.defined() ? scale.to(at::kDouble) : scale,
                         attention ? weights.config.head_dim : 1);
}

}  // namespace snapvit
