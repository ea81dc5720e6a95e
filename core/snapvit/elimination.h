// EliminationOrder: in which order the units of one half of a block can go so that the others make
// up for them best.
#ifndef SNAPVIT_CORE_SNAPVIT_ELIMINATION_H_
#define SNAPVIT_CORE_SNAPVIT_ELIMINATION_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/snapvit/unit_statistics.h"

namespace snapvit {

// The damping of a covariance, as a share of its mean diagonal.
inline constexpr double kRidge = 0.01;

// A half of a block as elimination and corrections see it; g rows are one unit.
struct HalfProblem {
  at::Tensor covariance;  // [n, n] f64, damped by kRidge
  at::Tensor metric;      // [D, D] f64
  at::Tensor weight;      // [n, D] f64: the output matrix, transposed
  int64_t unit_size = 1;  // g: 1 for channels, head_dim for heads
};

// Backward elimination by the saliency of Optimal Brain Surgeon (Hassibi & Stork 1993), for groups
// and with an output metric (Kurtic et al. 2022, "Optimal BERT Surgeon"): with P = covariance⁻¹
// over what is left, removing unit j costs ½·tr(metric·W_jᵀ·P_jj⁻¹·W_j) if all others are adapted
// by least squares; then they are (W −= P_·j·P_jj⁻¹·W_j), and so on. `step` units go at once, the
// cheapest first; more is faster and blinder to what they share. Returns all units, most important
// first. Throws c10::Error like ATen itself.
std::vector<int> EliminationOrder(const HalfProblem& half, int step);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_ELIMINATION_H_
