#include "client/cli/uniform_ordering.h"

#include <vector>

namespace snapvit::cli {
namespace {

// Falling scores, the same in every block: the keep rule then goes round the blocks.
std::vector<float> FallingScores(int blocks, int units) {
  std::vector<float> scores;
  scores.reserve(static_cast<size_t>(blocks) * units);
  for (int block = 0; block < blocks; ++block) {
    for (int unit = 0; unit < units; ++unit) scores.push_back(static_cast<float>(units - unit));
  }
  return scores;
}

}  // namespace

Ordering UniformOrdering(const VitConfig& config) {
  Ordering ordering;
  ordering.blocks = config.depth;
  ordering.hidden = config.mlp_hidden;
  ordering.heads = config.num_heads;
  ordering.mlp_scores = FallingScores(config.depth, config.mlp_hidden);
  ordering.head_scores = FallingScores(config.depth, config.num_heads);
  ordering.recipe = kUniformRecipe;
  return ordering;
}

}  // namespace snapvit::cli
