// HalfProblem: one half of a block as elimination and corrections see it, made from its statistics.
#ifndef SNAPVIT_CORE_SNAPVIT_HALF_PROBLEM_H_
#define SNAPVIT_CORE_SNAPVIT_HALF_PROBLEM_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>

#include "core/model/vit_weights.h"
#include "core/snapvit/unit_statistics.h"

namespace snapvit {

// The damping of a covariance, as a share of its mean diagonal.
inline constexpr double kRidge = 0.01;

// g rows are one unit.
struct HalfProblem {
  at::Tensor covariance;  // [n, n] f64, damped by kRidge
  at::Tensor metric;      // [D, D] f64: of what the output matrix gives, before LayerScale
  at::Tensor weight;      // [n, D] f64: the output matrix, transposed
  int64_t unit_size = 1;  // g: 1 for channels, head_dim for heads
};

// `half` as in core/elastic/structure.h. Throws c10::Error like ATen itself.
HalfProblem MakeHalfProblem(const VitWeights& weights, const HalfStatistics& statistics,
                            size_t half);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_HALF_PROBLEM_H_
