#include "core/snapvit/multiplier_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace snapvit {
namespace {

constexpr double kFirstBlock = 1.2;
constexpr double kLastBlock = 0.8;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

XnesOptions SearchOptions(int blocks, int heads, uint64_t seed) {
  XnesOptions options;
  options.seed = seed;
  std::vector<double> of_heads;
  for (int block = 0; block < blocks; ++block) {
    const double share = blocks > 1 ? static_cast<double>(block) / (blocks - 1) : 0;
    const double value = kFirstBlock + share * (kLastBlock - kFirstBlock);
    options.mean.push_back(value);
    of_heads.insert(of_heads.end(), heads, value);
  }
  options.mean.insert(options.mean.end(), of_heads.begin(), of_heads.end());
  return options;
}

}  // namespace

MultiplierSearch::MultiplierSearch(int blocks, int heads, int evaluations, uint64_t seed)
    : evaluations_(evaluations),
      xnes_(SearchOptions(blocks, heads, seed)),
      best_fitness_(kInfinity) {}

const std::vector<double>& MultiplierSearch::Next() {
  candidate_ = xnes_.Ask();
  return candidate_;
}

// Nothing is asked for after the update that this generation would bring, if it brings one at all.
bool MultiplierSearch::InLastGeneration() const {
  const int first = done_ - static_cast<int>(generation_.size());
  return first + xnes_.population() >= evaluations_;
}

double MultiplierSearch::Bound() const {
  if (InLastGeneration()) return best_fitness_;
  const auto elite = static_cast<size_t>(xnes_.elite());
  if (generation_.size() < elite) return kInfinity;
  std::vector<double> sorted = generation_;
  std::nth_element(sorted.begin(), sorted.begin() + (elite - 1), sorted.end());
  return sorted[elite - 1];
}

absl::Status MultiplierSearch::Record(double fitness) {
  if (std::isnan(fitness)) fitness = kInfinity;
  // The first one is kept also if no fitness is finite.
  if (done_ == 0 || fitness < best_fitness_) {
    best_ = candidate_;
    best_fitness_ = fitness;
  }
  ++done_;
  generation_.push_back(fitness);
  if (static_cast<int>(generation_.size()) == xnes_.population()) generation_.clear();
  return xnes_.Tell(fitness);
}

}  // namespace snapvit
