#include "core/snapvit/correction_builder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/elastic/structure.h"

namespace snapvit {
namespace {

constexpr int kMostRank = 16;
// Of the block weights in f32, for the tables of all corrections together.
constexpr double kMemoryShare = 0.05;

void Append(const at::Tensor& tensor, std::vector<float>& values) {
  const at::Tensor flat = tensor.to(at::kFloat).cpu().contiguous();
  values.insert(values.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
}

size_t BlockWeightCount(const VitConfig& config) {
  const size_t attention = 4ULL * config.embed_dim * config.num_heads * config.head_dim;
  const size_t mlp = 2ULL * config.embed_dim * config.mlp_hidden;
  return config.depth * (attention + mlp);
}

}  // namespace

Corrections MeansOf(const VitConfig& config, const UnitStatistics& statistics) {
  Corrections means;
  means.embed_dim = config.embed_dim;
  means.head_dim = config.head_dim;
  for (size_t half = 0; half < statistics.halves.size(); ++half) {
    Append(statistics.halves[half].mean, IsMlpHalf(half) ? means.mlp_means : means.head_means);
  }
  return means;
}

void CorrectionBuilder::Add(size_t half, const HalfProblem& problem, const std::vector<int>& order,
                            std::vector<int> keeps) {
  const int units = static_cast<int>(order.size());
  std::erase_if(keeps, [units](int keep) { return keep <= 0 || keep >= units; });
  for (LowRankParts& parts : CorrectHalf(problem, order, keeps, kMostRank)) {
    const KeepStop stop = {StructureOfHalf(half, config_.depth), parts.keep};
    parts_[stop] = std::move(parts);
  }
}

std::vector<LowRankCorrection> CorrectionBuilder::All() const {
  std::vector<LowRankCorrection> corrections;
  for (const auto& [stop, parts] : parts_) {
    corrections.push_back(ToCorrection(parts, stop.first, static_cast<int>(parts.gains.size())));
  }
  return corrections;
}

std::vector<LowRankCorrection> CorrectionBuilder::WithinMemory(
    const std::set<KeepStop>& stops) const {
  const size_t biases = stops.size() * config_.embed_dim * sizeof(float);
  const auto bound = static_cast<size_t>(
      kMemoryShare * static_cast<double>(BlockWeightCount(config_) * sizeof(float)));
  std::vector<int32_t> structures;
  std::vector<const LowRankParts*> parts;
  for (const auto& [stop, of_stop] : parts_) {
    if (!stops.contains(stop)) continue;
    structures.push_back(stop.first);
    parts.push_back(&of_stop);
  }
  const std::vector<int> ranks = AllocateRanks(parts, bound > biases ? bound - biases : 0);
  std::vector<LowRankCorrection> corrections;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (ranks[i] > 0) corrections.push_back(ToCorrection(*parts[i], structures[i], ranks[i]));
  }
  return corrections;
}

}  // namespace snapvit
