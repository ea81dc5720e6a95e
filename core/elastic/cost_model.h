// CostModel: FLOPs of a view by a closed formula (docs/design.md, "Cost model"). 1 MAC = 2 FLOPs;
// all tokens in all blocks. Counted: patch embedding, qkv, QK^T and AV, projection, MLP,
// pooling head, classifier. Not counted: norms, softmax, activations.
//
//   FLOPs = 2·P·3·p²·D + Σ_l [ H'_l·(8·N·D·dh + 4·N²·dh) + h'_l·m·N·D ] + head
//           + Σ_corrections 2·N·rank·(n' + D)        n' = H'·dh or h'; m = 4, 6 with gated_mlp
//   head = 2·C·(width of what the classifier sees) + 2·D·projection
//          + attention pooling: 4·P·D² + 4·D² + 4·P·D + 4·D·(channels of its MLP)
#ifndef SNAPVIT_CORE_ELASTIC_COST_MODEL_H_
#define SNAPVIT_CORE_ELASTIC_COST_MODEL_H_

#include "core/elastic/keep_counts.h"
#include "core/model/vit_config.h"

namespace snapvit {

// Immutable; safe to use from any thread.
class CostModel {
 public:
  explicit CostModel(const VitConfig& config);

  // FLOPs of one image through the view.
  double Flops(const KeepCounts& keep) const;
  double dense_flops() const { return dense_; }
  // FLOPs ÷ FLOPs of the dense model, (0, 1].
  double Compute(const KeepCounts& keep) const { return Flops(keep) / dense_; }

  // What a low-rank correction of one structure adds; `keep` heads or channels.
  double HeadCorrectionFlops(int keep, int rank) const;
  double ChannelCorrectionFlops(int keep, int rank) const;

  // What one head, one MLP channel, and everything that is never pruned cost.
  double flops_per_head() const { return per_head_; }
  double flops_per_channel() const { return per_channel_; }
  double fixed_flops() const { return fixed_; }

  // Share of all MLP channels / all heads that the view removes, [0, 1].
  double ChannelRatio(const KeepCounts& keep) const;
  double HeadRatio(const KeepCounts& keep) const;
  // Share of the block weights (qkv, projection, MLP matrices) that the view removes, [0, 1].
  double Sparsity(const KeepCounts& keep) const;

 private:
  VitConfig config_;
  double fixed_ = 0;
  double per_head_ = 0;
  double per_channel_ = 0;
  double dense_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_COST_MODEL_H_
