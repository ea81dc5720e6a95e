#include "core/elastic/packed_model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
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

// W as in PackedWeights.
template <typename W>
class PackedModelOf final : public PackedModel {
  using T = ResultOf<W>;

 public:
  PackedModelOf(PermutedWeights& weights, const CorrectionSet& corrections)
      : cost_(weights.config), weights_(weights, corrections) {}

  at::Tensor Tokens(std::span<const KeepCounts* const> views, const at::Tensor& pixels,
                    int64_t first_tokens) const override {
    const int64_t count = pixels.size(0), width = weights_.config.embed_dim;
    const at::Tensor contiguous = pixels.contiguous();
    at::Tensor tokens = at::empty({count, first_tokens, width}, at::kFloat);
    const int threads = at::get_num_threads();
    const BatchPlan plan = PlanBatch(Costs(views), threads, ImagesAlone());
    const auto run_pass = [&](const ImagePass& pass, const Parallel& parallel) {
      std::vector<PassImage> images;
      for (const int i : pass) {
        images.push_back({views[i],
                          contiguous.const_data_ptr<float>() + i * (contiguous.numel() / count),
                          tokens.data_ptr<float>() + i * first_tokens * width});
      }
      Run(images, first_tokens, parallel);
    };
    if (static_cast<int64_t>(plan.together.size()) < count) {
      RunOnOpenMp(threads, [&](int thread) {
        const auto run = [](absl::FunctionRef<void(int)> task) { task(0); };
        for (const ImagePass& pass : plan.alone[thread]) run_pass(pass, {run, 1});
      });
    }
    const auto run = [threads](absl::FunctionRef<void(int)> task) { RunOnOpenMp(threads, task); };
    run_pass(plan.together, {run, threads});
    return tokens;
  }

  const char* instruction_set() const override {
    if constexpr (kIsInt8<W>) return CpuInt8Kernels<T>()->instruction_set;
    return CpuKernels<T>()->instruction_set;
  }
  size_t weight_bytes() const override { return weights_.weight_bytes(); }
  size_t correction_bytes() const override { return weights_.correction_bytes(); }

 private:
  std::vector<double> Costs(std::span<const KeepCounts* const> views) const {
    std::vector<double> costs;
    for (const KeepCounts* view : views) costs.push_back(cost_.Flops(*view));
    return costs;
  }

  // Of a pass on one thread.
  int ImagesAlone() const {
    const int64_t tokens = weights_.config.tokens();
    return static_cast<int>(
        std::max<int64_t>(1, (CpuKernels<T>()->rows_alone + tokens / 2) / tokens));
  }

  // In several passes, if they have more views than one may have.
  void Run(std::span<const PassImage> images, int64_t first_tokens,
           const Parallel& parallel) const {
    while (!images.empty()) {
      size_t count = 1;
      for (int views = 1; count < images.size(); ++count) {
        if (images[count].view != images[count - 1].view && ++views > kMostViews) break;
      }
      RunPackedPass<W>(weights_, images.first(count), first_tokens, parallel);
      images = images.subspan(count);
    }
  }

  const CostModel cost_;
  const PackedWeights<W> weights_;
};

}  // namespace

bool PackedModel::Supports(const VitConfig& config, at::ScalarType dtype) {
  if (config.head_dim % 2 != 0 || config.head_dim > kLargestHead) return false;
  switch (dtype) {
    case at::kFloat:
      return CpuKernels<float>() != nullptr;
    case at::kBFloat16:
      return CpuKernels<BFloat16Bits>() != nullptr;
    case at::kChar:
      return CpuInt8Kernels<BFloat16Bits>() != nullptr || CpuInt8Kernels<float>() != nullptr;
    default:
      return false;
  }
}

at::ScalarType PackedModel::WeightsDtype(at::ScalarType dtype) {
  if (dtype != at::kChar) return dtype;
  return CpuInt8Kernels<BFloat16Bits>() != nullptr ? at::kBFloat16 : at::kFloat;
}

absl::StatusOr<std::unique_ptr<PackedModel>> PackedModel::Create(PermutedWeights& weights,
                                                                 const CorrectionSet& corrections,
                                                                 at::ScalarType dtype) {
  return Guard([&]() -> absl::StatusOr<std::unique_ptr<PackedModel>> {
    const bool int8 = dtype == at::kChar;
    if (weights.patch_weight.scalar_type() == at::kBFloat16) {
      if (int8) return std::make_unique<PackedModelOf<Int8<BFloat16Bits>>>(weights, corrections);
      return std::make_unique<PackedModelOf<BFloat16Bits>>(weights, corrections);
    }
    if (int8) return std::make_unique<PackedModelOf<Int8<float>>>(weights, corrections);
    return std::make_unique<PackedModelOf<float>>(weights, corrections);
  });
}

}  // namespace snapvit
