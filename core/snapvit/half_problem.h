// HalfProblem: one half of a block as elimination and corrections see it, made from its statistics.
#ifndef SNAPVIT_CORE_SNAPVIT_HALF_PROBLEM_H_
#define SNAPVIT_CORE_SNAPVIT_HALF_PROBLEM_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "core/model/vit_weights.h"
#include "core/snapvit/unit_statistics.h"

namespace snapvit {

// The damping of a covariance, as a share of its mean diagonal. Ten and a hundred times that if
// rounding has left a matrix that is not positive definite even so.
inline constexpr double kRidge = 0.01;

// g rows are one unit. With V = W·S·M^½ a loss is a plain square, tr(M·(A·W·S)ᵀ·(A·W·S)) =
// tr((A·V)ᵀ·A·V), where W is the output matrix, S LayerScale, and M the metric of the residual
// stream.
struct HalfProblem {
  at::Tensor covariance;   // [n, n] f64, damped
  at::Tensor factor;       // [n, n] f64: its Cholesky factor, lower
  at::Tensor weight;       // [n, D] f64: V
  at::Tensor to_unscaled;  // [D, D] f64: V times it is W
  int64_t unit_size = 1;   // g: 1 for channels, head_dim for heads
};

// `covariance` [n, n] is damped already, and positive definite; `metric` [D, D], symmetric;
// `weight` [n, D], the output matrix, transposed; `scale` [D], undefined without LayerScale. All
// f64. Directions that cost nothing in the metric get a little. Throws c10::Error like ATen itself.
HalfProblem MakeHalfProblem(const at::Tensor& covariance, const at::Tensor& metric,
                            const at::Tensor& weight, const at::Tensor& scale, int64_t unit_size);

// `half` as in core/elastic/structure.h. FAILED_PRECONDITION, with the block, if the statistics are
// not finite or no damping helps.
absl::StatusOr<HalfProblem> MakeHalfProblem(const VitWeights& weights,
                                            const HalfStatistics& statistics, size_t half);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_HALF_PROBLEM_H_
