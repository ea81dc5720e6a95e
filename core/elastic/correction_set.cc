#include "core/elastic/correction_set.h"

#include <ATen/ATen.h>

#include <cstring>
#include <span>

#include "core/elastic/structure.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

using Key = std::pair<int, int>;

std::map<Key, const LowRankCorrection*> ByKey(const Corrections& corrections) {
  std::map<Key, const LowRankCorrection*> result;
  for (const LowRankCorrection& low_rank : corrections.low_rank) {
    result[{low_rank.structure, low_rank.keep}] = &low_rank;
  }
  return result;
}

at::Tensor BFloat16(const std::vector<uint16_t>& bits, int64_t rows, int64_t columns) {
  at::Tensor tensor = at::empty({rows, columns}, at::kBFloat16);
  std::memcpy(tensor.data_ptr(), bits.data(), bits.size() * sizeof(uint16_t));
  return tensor;
}

// Means of a block's units, most important first, [units·g].
at::Tensor RankedMeans(std::span<const float> means, const std::vector<int>& units, int64_t size) {
  at::Tensor ranked = at::empty({static_cast<int64_t>(units.size()) * size}, at::kFloat);
  float* out = ranked.data_ptr<float>();
  for (const int unit : units) {
    std::memcpy(out, means.data() + unit * size, size * sizeof(float));
    out += size;
  }
  return ranked;
}

// One structure of the model: what its corrections at all keep counts are made from.
struct Source {
  at::Tensor weight;  // [units·g, D] f32, W of the header's formulas
  at::Tensor bias;    // [D]
  at::Tensor means;   // [units·g] f32
  int64_t unit_size = 1;

  StructureCorrection At(int keep, const LowRankCorrection* low_rank) const {
    const int64_t kept = keep * unit_size;
    const int64_t pruned = means.size(0) - kept;
    StructureCorrection result;
    at::Tensor added = at::matmul(means.narrow(0, kept, pruned), weight.narrow(0, kept, pruned));
    if (low_rank != nullptr && low_rank->rank > 0) {
      result.in = BFloat16(low_rank->in, kept, low_rank->rank).to(weight.device());
      result.out = BFloat16(low_rank->out, low_rank->rank, weight.size(1)).to(weight.device());
      const at::Tensor at_mean = at::matmul(means.narrow(0, 0, kept), result.in.to(at::kFloat));
      added = added - at::matmul(at_mean, result.out.to(at::kFloat));
    }
    result.bias = (bias.to(at::kFloat) + added).to(bias.scalar_type());
    return result;
  }
};

Source SourceOf(const PermutedWeights& weights, const UnitRanking& ranking,
                const Corrections& corrections, int structure) {
  const VitConfig& config = weights.config;
  const int block = BlockOf(structure, config.depth);
  const PermutedBlock& tensors = weights.blocks[block];
  if (IsMlp(structure, config.depth)) {
    const std::span<const float> means =
        std::span(corrections.mlp_means)
            .subspan(static_cast<size_t>(block) * config.mlp_hidden, config.mlp_hidden);
    return {tensors.fc2_weight.to(at::kFloat), tensors.fc2_bias,
            RankedMeans(means, ranking.channels(block), 1).to(tensors.fc2_weight.device()), 1};
  }
  const size_t values = static_cast<size_t>(config.num_heads) * config.head_dim;
  const std::span<const float> means =
      std::span(corrections.head_means).subspan(block * values, values);
  return {
      tensors.proj_weight.to(at::kFloat), tensors.proj_bias,
      RankedMeans(means, ranking.heads(block), config.head_dim).to(tensors.proj_weight.device()),
      config.head_dim};
}

}  // namespace

absl::StatusOr<CorrectionSet> CorrectionSet::Create(const PermutedWeights& weights,
                                                    const UnitRanking& ranking,
                                                    const Corrections& corrections,
                                                    CorrectionMode mode,
                                                    const std::vector<KeepCounts>& views) {
  CorrectionSet set;
  if (mode == CorrectionMode::kNone || corrections.empty()) return set;
  return Guard([&]() -> absl::StatusOr<CorrectionSet> {
    const VitConfig& config = weights.config;
    const std::map<Key, const LowRankCorrection*> low_rank = ByKey(corrections);
    for (int structure = 0; structure < 2 * config.depth; ++structure) {
      const int units = IsMlp(structure, config.depth) ? config.mlp_hidden : config.num_heads;
      const Source source = SourceOf(weights, ranking, corrections, structure);
      for (const KeepCounts& view : views) {
        const int keep = UnitsOf(view, structure);
        const Key key = {structure, keep};
        if (keep == units || set.by_structure_and_keep_.contains(key)) continue;
        const auto found = low_rank.find(key);
        const bool use = mode == CorrectionMode::kFull && found != low_rank.end();
        set.by_structure_and_keep_[key] = source.At(keep, use ? found->second : nullptr);
      }
    }
    return set;
  });
}

const StructureCorrection* CorrectionSet::Find(int structure, int keep) const {
  const auto it = by_structure_and_keep_.find({structure, keep});
  return it == by_structure_and_keep_.end() ? nullptr : &it->second;
}

size_t CorrectionSet::Bytes() const {
  size_t bytes = 0;
  for (const auto& [key, correction] : by_structure_and_keep_) {
    for (const at::Tensor& tensor : {correction.bias, correction.in, correction.out}) {
      if (tensor.defined()) bytes += tensor.nbytes();
    }
  }
  return bytes;
}

}  // namespace snapvit
