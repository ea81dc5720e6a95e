#include "core/elastic/keep_rule.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

std::vector<int> RankDescending(std::span<const float> scores) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [scores](int a, int b) { return scores[a] > scores[b]; });
  return order;
}

std::vector<int> RemovalOrder(const std::vector<float>& scores, int blocks, int units,
                              const std::vector<std::vector<int>>& ranks, int protected_units) {
  struct Candidate {
    float score;
    int block;
    int rank;  // position in its block's order
  };
  std::vector<Candidate> candidates;
  candidates.reserve(scores.size());
  for (int block = 0; block < blocks; ++block) {
    for (int rank = protected_units; rank < units; ++rank) {
      const int unit = ranks[block][rank];
      candidates.push_back({scores[static_cast<size_t>(block) * units + unit], block, rank});
    }
  }
  // Least important first. Among equal scores the later block, then the later rank, goes first, so
  // that within a block removal follows the ranking from its end.
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.score != b.score) return a.score < b.score;
    if (a.block != b.block) return a.block > b.block;
    return a.rank > b.rank;
  });
  std::vector<int> removal(candidates.size());
  std::transform(candidates.begin(), candidates.end(), removal.begin(),
                 [](const Candidate& candidate) { return candidate.block; });
  return removal;
}

absl::Status CheckRatio(const char* name, double ratio) {
  if (ratio >= 0 && ratio < 1) return absl::OkStatus();  // also refuses NaN
  return absl::InvalidArgumentError(
      absl::StrCat(name, " ratio is ", ratio, ", expected the share to remove, in [0, 1)"));
}

std::vector<int> CountsAfter(const std::vector<int>& removal, int blocks, int units, double ratio) {
  // The published product and truncation, in this order of operations.
  const auto asked = static_cast<size_t>(static_cast<double>(blocks) * units * ratio);
  std::vector<int> keep(blocks, units);
  for (size_t i = 0; i < std::min(asked, removal.size()); ++i) --keep[removal[i]];
  return keep;
}

}  // namespace

UnitRanking::UnitRanking(const Ordering& ordering)
    : blocks_(ordering.blocks), hidden_(ordering.hidden), heads_per_block_(ordering.heads) {
  for (int block = 0; block < blocks_; ++block) {
    channels_.push_back(RankDescending(ordering.BlockMlpScores(block)));
    heads_.push_back(RankDescending(ordering.BlockHeadScores(block)));
  }
  channel_removal_ = RemovalOrder(ordering.mlp_scores, blocks_, hidden_, channels_,
                                  static_cast<int>(hidden_ * ordering.min_mlp_keep));
  head_removal_ = RemovalOrder(ordering.head_scores, blocks_, heads_per_block_, heads_,
                               static_cast<int>(heads_per_block_ * ordering.min_head_keep));
}

absl::StatusOr<KeepCounts> UnitRanking::Keep(double mlp_ratio, double head_ratio) const {
  RETURN_IF_ERROR(CheckRatio("mlp", mlp_ratio));
  RETURN_IF_ERROR(CheckRatio("head", head_ratio));
  return KeepCounts{CountsAfter(channel_removal_, blocks_, hidden_, mlp_ratio),
                    CountsAfter(head_removal_, blocks_, heads_per_block_, head_ratio)};
}

}  // namespace snapvit
