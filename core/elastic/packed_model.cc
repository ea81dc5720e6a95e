#include "core/elastic/packed_model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/elastic/aten_threads.h"
#include "core/elastic/batch_plan.h"
#include "core/elastic/cost_model.h"
#include "core/elastic/packed_pass.h"
#include "core/elastic/packed_weights.h"
#include "core/kernels/kernels.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

// Images of one view.
using ViewImages = std::map<const KeepCounts*, std::vector<PassImage>>;

template <typename T>
class PackedModelOf final : public PackedModel {
 public:
  PackedModelOf(PermutedWeights& weights, const CorrectionSet& corrections)
      : cost_(weights.config), weights_(weights, corrections) {}

  at::Tensor Tokens(std::span<const KeepCounts* const> views, const at::Tensor& pixels,
                    int64_t first_tokens) const override {
    const int64_t count = pixels.size(0), width = weights_.config.embed_dim;
    const at::Tensor contiguous = pixels.contiguous();
    at::Tensor tokens = at::empty({count, first_tokens, width}, at::kFloat);
    const int threads = at::get_num_threads();
    const BatchPlan plan = PlanBatch(Costs(views), threads);
    const auto group = [&](const std::vector<int>& images) {
      ViewImages groups;
      for (const int i : images) {
        groups[views[i]].push_back(
            {contiguous.const_data_ptr<float>() + i * (contiguous.numel() / count),
             tokens.data_ptr<float>() + i * first_tokens * width});
      }
      return groups;
    };
    if (static_cast<int64_t>(plan.together.size()) < count) {
      RunOnOpenMp(threads, [&](int thread) { RunAlone(group(plan.alone[thread]), first_tokens); });
    }
    const auto run = [threads](absl::FunctionRef<void(int)> task) { RunOnOpenMp(threads, task); };
    for (const auto& [view, images] : group(plan.together)) {
      RunPackedPass<T>(weights_, *view, images, first_tokens, {run, threads});
    }
    return tokens;
  }

  const char* instruction_set() const override { return CpuKernels<T>()->instruction_set; }
  size_t weight_bytes() const override { return weights_.weight_bytes(); }
  size_t correction_bytes() const override { return weights_.correction_bytes(); }

 private:
  std::vector<double> Costs(std::span<const KeepCounts* const> views) const {
    std::vector<double> costs;
    for (const KeepCounts* view : views) costs.push_back(cost_.Flops(*view));
    return costs;
  }

  // On the calling thread, few images at a time.
  void RunAlone(const ViewImages& groups, int64_t first_tokens) const {
    const auto run = [](absl::FunctionRef<void(int)> task) { task(0); };
    const int64_t tokens = weights_.config.tokens();
    const size_t at_once =
        std::max<int64_t>(1, (CpuKernels<T>()->rows_alone + tokens / 2) / tokens);
    for (const auto& [view, group] : groups) {
      for (std::span<const PassImage> images = group; !images.empty();) {
        const size_t part = std::min(at_once, images.size());
        RunPackedPass<T>(weights_, *view, images.first(part), first_tokens, {run, 1});
        images = images.subspan(part);
      }
    }
  }

  const CostModel cost_;
  const PackedWeights<T> weights_;
};

}  // namespace

bool PackedModel::Supports(const VitConfig& config, at::ScalarType dtype) {
  if (config.head_dim % 2 != 0 || config.head_dim > kLargestHead) return false;
  if (dtype == at::kBFloat16) return CpuKernels<BFloat16Bits>() != nullptr;
  return dtype == at::kFloat && CpuKernels<float>() != nullptr;
}

absl::StatusOr<std::unique_ptr<PackedModel>> PackedModel::Create(PermutedWeights& weights,
                                                                 const CorrectionSet& corrections) {
  return Guard([&]() -> absl::StatusOr<std::unique_ptr<PackedModel>> {
    const at::ScalarType dtype = weights.patch_weight.scalar_type();
    if (dtype == at::kBFloat16) {
      return std::make_unique<PackedModelOf<BFloat16Bits>>(weights, corrections);
    }
    return std::make_unique<PackedModelOf<float>>(weights, corrections);
  });
}

}  // namespace snapvit
