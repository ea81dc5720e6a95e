#include "core/elastic/budget_path.h"

#include <algorithm>
#include <limits>

namespace snapvit {
namespace {

constexpr double kHeadStart = 0.15;  // MLP ratio at which the published pairs start to remove heads

}  // namespace

double PublishedHeadRatio(double mlp_ratio) { return std::max(0.0, mlp_ratio - kHeadStart); }

std::vector<PathStep> PublishedPath(const UnitRanking& ranking, const VitConfig& config) {
  const CostModel cost(config);
  const std::vector<int>& channels = ranking.channel_removal();
  const std::vector<int>& heads = ranking.head_removal();
  const double all_channels = 1.0 * config.depth * config.mlp_hidden;
  const double all_heads = 1.0 * config.depth * config.num_heads;
  constexpr double kNever = std::numeric_limits<double>::infinity();

  KeepCounts keep = KeepCounts::Dense(config);
  double flops = cost.dense_flops();
  std::vector<PathStep> steps;
  size_t channel = 0;
  size_t head = 0;
  while (flops > kSmallestPathCompute * cost.dense_flops()) {
    // The MLP ratio at which the next unit of each kind is over-asked: removal i happens once
    // n·ratio >= i + 1.
    const double channel_at = channel < channels.size() ? (channel + 1) / all_channels : kNever;
    const double head_at = head < heads.size() ? kHeadStart + (head + 1) / all_heads : kNever;
    if (channel_at == kNever && head_at == kNever) break;
    if (channel_at <= head_at) {
      const int block = channels[channel++];
      steps.push_back({block, --keep.channels[block]});
      flops -= cost.flops_per_channel();
    } else {
      const int block = heads[head++];
      steps.push_back({config.depth + block, --keep.heads[block]});
      flops -= cost.flops_per_head();
    }
  }
  return steps;
}

std::vector<PathStep> PathOf(const Ordering& ordering, const UnitRanking& ranking,
                             const VitConfig& config) {
  return ordering.path.empty() ? PublishedPath(ranking, config) : ordering.path;
}

}  // namespace snapvit
