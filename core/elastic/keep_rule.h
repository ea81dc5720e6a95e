// The published keep rule (SnapViT's ElasticViT; rule B of the paper's code) with its two gaps
// closed: asking for more than can be removed clamps to the minimum keep, and equal scores are told
// apart by index, lower first.
#ifndef SNAPVIT_CORE_ELASTIC_KEEP_RULE_H_
#define SNAPVIT_CORE_ELASTIC_KEEP_RULE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/elastic/keep_counts.h"
#include "core/elastic/ordering.h"

namespace snapvit {

// Units of every block in order of importance, and over all blocks in order of removal. Immutable.
class UnitRanking {
 public:
  explicit UnitRanking(const Ordering& ordering);

  // Original indices of a block's units, most important first (a permutation).
  const std::vector<int>& channels(int block) const { return channels_[block]; }
  const std::vector<int>& heads(int block) const { return heads_[block]; }

  // Blocks in the order in which they lose a unit: the i-th removal over the whole network takes
  // the least important remaining unit of block removal[i]. The protected top int(n·min_keep) of
  // each block are never listed.
  const std::vector<int>& channel_removal() const { return channel_removal_; }
  const std::vector<int>& head_removal() const { return head_removal_; }

  // Counts kept after removing int(blocks·n·ratio) units of each kind over the whole network,
  // clamped to the minimum. INVALID_ARGUMENT unless both ratios are in [0, 1).
  absl::StatusOr<KeepCounts> Keep(double mlp_ratio, double head_ratio) const;

 private:
  int blocks_;
  int hidden_;
  int heads_per_block_;
  std::vector<std::vector<int>> channels_;
  std::vector<std::vector<int>> heads_;
  std::vector<int> channel_removal_;
  std::vector<int> head_removal_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_KEEP_RULE_H_
