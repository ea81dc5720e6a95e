// Random: a small seeded generator whose sequence is the same with every compiler and library (the
// standard distributions are not), so that one seed gives one ordering and one load.
#ifndef SNAPVIT_CORE_BASE_RANDOM_H_
#define SNAPVIT_CORE_BASE_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <numbers>

namespace snapvit {

// SplitMix64 (Steele, Lea, Flood 2014). Not thread-safe; cheap to create, one per image.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // An independent stream for item `index` of `seed`.
  Random(uint64_t seed, uint64_t index) : state_(seed) {
    state_ ^= Mix(index + 0x632be59bd9b4e019ULL);
  }

  uint64_t Bits() { return Mix(state_ += 0x9e3779b97f4a7c15ULL); }
  // Uniform in [0, 1).
  double Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }
  // Uniform in [low, high).
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  // Uniform in [0, n). REQUIRES: n > 0.
  int Below(int n) { return static_cast<int>(Uniform() * n); }
  // Standard normal (Box-Muller).
  double Normal() {
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  uint64_t state_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_BASE_RANDOM_H_
