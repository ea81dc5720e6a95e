// Xnes: exponential natural evolution strategy with a full covariance matrix, the black-box
// optimiser of the published recipe. Glasmachers, Schaul, Sun, Wierstra, Schmidhuber, "Exponential
// natural evolution strategies", GECCO 2010; learning rates and utilities are theirs.
//
//   x_k = m + A·s_k,  s_k ~ N(0, I);  u_k: utility of the rank of x_k, best first, Σ u_k = 0
//   m ← m + η_m·A·Σ u_k s_k
//   A ← A·exp(½(η_σ·g·I + η_B·(G − g·I))),  G = Σ u_k(s_k s_kᵀ − I),  g = tr(G)/d
#ifndef SNAPVIT_CORE_SNAPVIT_XNES_H_
#define SNAPVIT_CORE_SNAPVIT_XNES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "core/base/random.h"

namespace snapvit {

struct XnesOptions {
  std::vector<double> mean;          // m at the start; its length d is the dimension, at least 1
  std::optional<int> population;     // λ, at least 2; default 4 + ⌊3·ln d⌋
  double mean_rate = 1;              // η_m
  std::optional<double> size_rate;   // η_σ; default 0.6·(3 + ln d)/(d·√d)
  std::optional<double> shape_rate;  // η_B; default as η_σ
  uint64_t seed = 42;
};

// Minimises. Ask and Tell take turns; every λ-th Tell moves the distribution. A starts as the
// identity. Only the order of a generation's fitness values matters, not the values. The sequence
// is the same for a seed and the same order of values. Thread-compatible; REQUIRES that the
// calling thread may use ATen (Tell).
class Xnes {
 public:
  explicit Xnes(XnesOptions options);

  int dimension() const { return static_cast<int>(mean_.size()); }
  int population() const { return population_; }
  // Ranks that are told apart: the others of a generation, from this many on, all have the same
  // utility −1/λ, so that their order among each other changes nothing. ⌈λ/2⌉.
  int elite() const { return elite_; }
  // Individuals of the present generation that have been told.
  int told() const { return static_cast<int>(fitness_.size()); }
  double size_rate() const { return size_rate_; }
  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& transform() const { return transform_; }  // A, [d, d], row-major

  // The next individual, d values. Valid until the next call. REQUIRES: the last one was told.
  const std::vector<double>& Ask();
  // Its fitness, less is better; NaN counts as infinity. INTERNAL or RESOURCE_EXHAUSTED if the
  // matrix exponential fails. REQUIRES: Ask was called.
  absl::Status Tell(double fitness);

 private:
  std::vector<double> UtilityOfEach() const;
  absl::Status Update();

  int population_;
  int elite_ = 0;
  double mean_rate_;
  double size_rate_;
  double shape_rate_;
  std::vector<double> rank_utilities_;  // [λ], of ranks, best first

  Random random_;
  std::vector<double> mean_;
  std::vector<double> transform_;
  std::vector<double> samples_;  // s_k of the present generation, [told or asked, d]
  std::vector<double> fitness_;  // of those told
  std::vector<double> individual_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_XNES_H_
