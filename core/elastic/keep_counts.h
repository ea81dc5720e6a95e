// KeepCounts: how many MLP channels and attention heads of each block a view keeps. Since the units
// of a block are stored most important first, the counts alone say which ones: a prefix.
#ifndef SNAPVIT_CORE_ELASTIC_KEEP_COUNTS_H_
#define SNAPVIT_CORE_ELASTIC_KEEP_COUNTS_H_

#include <vector>

#include "core/model/vit_config.h"

namespace snapvit {

struct KeepCounts {
  std::vector<int> channels;  // per block, [0, mlp_hidden]
  std::vector<int> heads;     // per block, [0, num_heads]

  static KeepCounts Dense(const VitConfig& config) {
    return {std::vector<int>(config.depth, config.mlp_hidden),
            std::vector<int>(config.depth, config.num_heads)};
  }
  bool operator==(const KeepCounts&) const = default;
};

// `channels` rounded up to a multiple of `multiple`, but never above `hidden`. Zero stays zero.
inline int RoundUpChannels(int channels, int multiple, int hidden) {
  const int rounded = (channels + multiple - 1) / multiple * multiple;
  return rounded < hidden ? rounded : hidden;
}

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_KEEP_COUNTS_H_
