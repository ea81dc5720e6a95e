#include "core/elastic/cost_model.h"

#include <numeric>

namespace snapvit {
namespace {

double Sum(const std::vector<int>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

}  // namespace

CostModel::CostModel(const VitConfig& config) : config_(config) {
  const double tokens = config.tokens();
  const double width = config.embed_dim;
  const double head = config.head_dim;
  const double patch = config.patch_size;
  fixed_ = 2 * config.patches() * 3 * patch * patch * width + 2 * width * config.num_classes;
  per_head_ = 8 * tokens * width * head + 4 * tokens * tokens * head;
  per_channel_ = 4 * tokens * width;
  dense_ = Flops(KeepCounts::Dense(config));
}

double CostModel::Flops(const KeepCounts& keep) const {
  return fixed_ + Sum(keep.heads) * per_head_ + Sum(keep.channels) * per_channel_;
}

double CostModel::HeadCorrectionFlops(int keep, int rank) const {
  return 2.0 * config_.tokens() * rank * (1.0 * keep * config_.head_dim + config_.embed_dim);
}

double CostModel::ChannelCorrectionFlops(int keep, int rank) const {
  return 2.0 * config_.tokens() * rank * (1.0 * keep + config_.embed_dim);
}

double CostModel::ChannelRatio(const KeepCounts& keep) const {
  return 1 - Sum(keep.channels) / (1.0 * config_.depth * config_.mlp_hidden);
}

double CostModel::HeadRatio(const KeepCounts& keep) const {
  return 1 - Sum(keep.heads) / (1.0 * config_.depth * config_.num_heads);
}

double CostModel::Sparsity(const KeepCounts& keep) const {
  // Per unit: a head owns 3·dh rows of qkv and dh columns of the projection, a channel one row of
  // fc1 and one column of fc2; each of them has D weights.
  const double head_weights = 4.0 * config_.head_dim;
  const double channel_weights = 2.0;
  const double dense =
      config_.depth * (config_.num_heads * head_weights + config_.mlp_hidden * channel_weights);
  return 1 - (Sum(keep.heads) * head_weights + Sum(keep.channels) * channel_weights) / dense;
}

}  // namespace snapvit
