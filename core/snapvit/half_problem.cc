#include "core/snapvit/half_problem.h"

#include <ATen/ATen.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/structure.h"

namespace snapvit {
namespace {

constexpr double kMostRidge = 100 * kRidge;

// All but the covariance and its factor.
HalfProblem Whitened(const at::Tensor& metric, const at::Tensor& weight, const at::Tensor& scale,
                     int64_t unit_size) {
  const auto [values, vectors] = at::linalg_eigh(metric);
  const at::Tensor floor = values.abs().mean() * 1e-4 + 1e-30;
  const at::Tensor roots = (values.clamp_min(0) + floor).sqrt();
  HalfProblem problem;
  const at::Tensor root = at::matmul(vectors * roots, vectors.t());
  problem.weight = at::matmul(scale.defined() ? weight * scale : weight, root);
  problem.to_unscaled = at::matmul(vectors / roots, vectors.t());
  if (scale.defined()) {
    // What LayerScale takes away altogether may be anything.
    problem.to_unscaled = at::where(scale == 0, 0.0, problem.to_unscaled / scale);
  }
  problem.unit_size = unit_size;
  return problem;
}

std::string Name(size_t half) {
  return absl::StrCat(IsMlpHalf(half) ? "the MLP" : "the attention", " of block ",
                      BlockOfHalf(half));
}

// Damps it until it has a factor.
absl::Status Factorise(const at::Tensor& covariance, size_t half, HalfProblem& problem) {
  const double mean = covariance.diagonal().mean().item<double>();
  for (double ridge = kRidge; ridge <= kMostRidge; ridge *= 10) {
    problem.covariance = covariance.to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
    problem.covariance.diagonal().add_(mean * ridge + 1e-12);
    const auto [factor, failed] = at::linalg_cholesky_ex(problem.covariance);
    problem.factor = factor;
    if (failed.item<int>() == 0) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the covariance of ", Name(half), " is not positive definite"));
}

}  // namespace

HalfProblem MakeHalfProblem(const at::Tensor& covariance, const at::Tensor& metric,
                            const at::Tensor& weight, const at::Tensor& scale, int64_t unit_size) {
  HalfProblem problem = Whitened(metric, weight, scale, unit_size);
  problem.covariance = covariance;
  problem.factor = at::linalg_cholesky(covariance);
  return problem;
}

absl::StatusOr<HalfProblem> MakeHalfProblem(const VitWeights& weights,
                                            const HalfStatistics& statistics, size_t half) {
  const at::Tensor finite =
      at::isfinite(statistics.covariance).all() & at::isfinite(statistics.metric).all();
  if (!finite.item<bool>()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the statistics of ", Name(half),
                     " are not finite: the model's activations or gradients overflow in f32"));
  }
  const BlockWeights& block = weights.blocks[BlockOfHalf(half)];
  const bool attention = !IsMlpHalf(half);
  const at::Tensor& scale = attention ? block.scale1 : block.scale2;
  HalfProblem problem = Whitened(
      statistics.metric.to(at::kDouble),
      (attention ? block.proj.weight : block.fc2.weight).t().to(at::kDouble),
      scale.defined() ? scale.to(at::kDouble) : scale, attention ? weights.config.head_dim : 1);
  RETURN_IF_ERROR(Factorise(statistics.covariance, half, problem));
  return problem;
}

}  // namespace snapvit
