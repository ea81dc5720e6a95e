#include "core/elastic/cost_model.h"

#include <numeric>

namespace snapvit {
namespace {

double Sum(const std::vector<int>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

// fc1 and fc2, and the gate where there is one.
int MatricesOfChannel(const VitConfig& config) { return config.block.gated_mlp ? 3 : 2; }

// Everything after the blocks.
double HeadFlops(const VitConfig& config) {
  const double width = config.embed_dim;
  const double classifier = 2.0 * config.num_classes * config.classifier_width();
  const double projection = 2 * width * config.projection_dim;
  if (config.pooling != ModelPooling::kAttention) return classifier + projection;
  const double patches = config.patches();
  const double pooling = 4 * patches * width * width + 4 * width * width + 4 * patches * width +
                         4 * width * config.pool_mlp_hidden;
  return classifier + projection + pooling;
}

}  // namespace

CostModel::CostModel(const VitConfig& config) : config_(config) {
  const double tokens = config.tokens();
  const double width = config.embed_dim;
  const double head = config.head_dim;
  const double patch = config.patch_size;
  fixed_ = 2 * config.patches() * 3 * patch * patch * width + HeadFlops(config);
  per_head_ = 8 * tokens * width * head + 4 * tokens * tokens * head;
  per_channel_ = 2 * MatricesOfChannel(config) * tokens * width;
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
  // Per unit: a head owns 3·dh rows of qkv and dh columns of the projection, a channel one row or
  // column of each matrix of the MLP; each of them has D weights.
  const double head_weights = 4.0 * config_.head_dim;
  const double channel_weights = MatricesOfChannel(config_);
  const double dense =
      config_.depth * (config_.num_heads * head_weights + config_.mlp_hidden * channel_weights);
  return 1 - (Sum(keep.heads) * head_weights + Sum(keep.channels) * channel_weights) / dense;
}

}  // namespace snapvit
