// EliminationOrder: in which order the units of one half of a block can go so that the others make
// up for them best.
#ifndef SNAPVIT_CORE_SNAPVIT_ELIMINATION_H_
#define SNAPVIT_CORE_SNAPVIT_ELIMINATION_H_

#include <vector>

#include "core/snapvit/half_problem.h"

namespace snapvit {

// Backward elimination by the saliency of Optimal Brain Surgeon (Hassibi & Stork 1993), for groups
// and with an output metric (Kurtic et al. 2022, "Optimal BERT Surgeon"): with P = covariance⁻¹
// over what is left, removing unit j costs ½·tr(metric·W_jᵀ·P_jj⁻¹·W_j) if all others are adapted
// by least squares; then they are (W −= P_·j·P_jj⁻¹·W_j), and so on. `step` units go at once, the
// cheapest first; more is faster and blinder to what they share. Returns all units, most important
// first. Throws c10::Error like ATen itself.
std::vector<int> EliminationOrder(const HalfProblem& half, int step);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_ELIMINATION_H_
