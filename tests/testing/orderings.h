// Orderings with made-up scores.
#ifndef SNAPVIT_TESTS_TESTING_ORDERINGS_H_
#define SNAPVIT_TESTS_TESTING_ORDERINGS_H_

#include <random>

#include "core/elastic/ordering.h"
#include "core/model/vit_config.h"

namespace snapvit {

// Scores that differ by orders of magnitude between blocks, as real ones do.
inline Ordering RandomOrdering(const VitConfig& config, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<float> score(0, 1.5F);
  Ordering ordering;
  ordering.blocks = config.depth;
  ordering.hidden = config.mlp_hidden;
  ordering.heads = config.num_heads;
  ordering.recipe = "random";
  ordering.calibration_source = "none";
  ordering.seed = seed;
  for (int block = 0; block < config.depth; ++block) {
    const float scale = score(random);
    for (int i = 0; i < config.mlp_hidden; ++i)
      ordering.mlp_scores.push_back(scale * score(random));
    for (int i = 0; i < config.num_heads; ++i)
      ordering.head_scores.push_back(scale * score(random));
  }
  return ordering;
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_ORDERINGS_H_
