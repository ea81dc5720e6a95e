// MultiplierSearch: the published search for one multiplier a block's MLP and one a head. Xnes
// around it, the best individual so far, and which candidates need not be evaluated to the end.
#ifndef SNAPVIT_CORE_SNAPVIT_MULTIPLIER_SEARCH_H_
#define SNAPVIT_CORE_SNAPVIT_MULTIPLIER_SEARCH_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/snapvit/xnes.h"

namespace snapvit {

// Knows nothing of models: whoever drives it computes the fitness of Next() and gives it to
// Record(), `evaluations` times. Deterministic, so that recording the same values again restores a
// search. Thread-compatible; REQUIRES that the calling thread may use ATen (Record).
class MultiplierSearch {
 public:
  // Multipliers are [blocks] of the MLPs, then [blocks, heads]. The mean starts at 1.2 in the first
  // block and falls to 0.8 in the last one, for its MLP and its heads alike; the covariance is the
  // identity (as published). The mean itself is not evaluated.
  MultiplierSearch(int blocks, int heads, int evaluations, uint64_t seed);

  int done() const { return done_; }
  bool finished() const { return done_ >= evaluations_; }

  // The next candidate, signs included. REQUIRES: not finished; the last one was recorded.
  const std::vector<double>& Next();

  // From here on the candidate's exact fitness changes nothing, so that a lower bound that reaches
  // it may be recorded instead: in a generation that still moves the distribution, the ⌈λ/2⌉-th
  // best value of that generation so far (worse ranks have one utility, whatever follows can only
  // push this one further down, and the best is better already); in the last one, which moves
  // nothing that is used, the best so far. Infinity while there is no such value.
  double Bound() const;

  // Its fitness (NaN counts as infinity), or a lower bound of it that is at least Bound().
  absl::Status Record(double fitness);

  // The individual with the least fitness, the first of equals. REQUIRES: done() > 0.
  const std::vector<double>& best() const { return best_; }
  double best_fitness() const { return best_fitness_; }

 private:
  bool InLastGeneration() const;

  const int evaluations_;
  Xnes xnes_;
  int done_ = 0;
  std::vector<double> candidate_;
  std::vector<double> generation_;  // values recorded in the present generation
  std::vector<double> best_;
  double best_fitness_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_MULTIPLIER_SEARCH_H_
