#include "core/elastic/aten_pass.h"

#include <ATen/ATen.h>

#include <vector>

#include "core/elastic/structure.h"
#include "core/elastic/view_halves.h"
#include "core/model/layers.h"

namespace snapvit {
namespace {

void Check(const absl::Status& status) { TORCH_CHECK(status.ok(), std::string(status.message())); }

SnapvitElement ElementOf(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kBFloat16 ? kSnapvitBf16 : kSnapvitF32;
}

const float* Data(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

class AtenPass {
 public:
  AtenPass(const PermutedWeights& weights, std::span<const ViewGroup> groups, int64_t first_tokens,
           const CudaModule* module)
      : weights_(weights),
        config_(weights.config),
        groups_(groups),
        first_tokens_(first_tokens),
        module_(module != nullptr && module->has_kernels() ? module : nullptr) {
    for (const ViewGroup& group : groups) images_ += group.images;
  }

  at::Tensor Run(const at::Tensor& pixels) {
    x_ = EmbedPatchRows(weights_, Patches(pixels), images_).contiguous();
    at::Tensor y = AddAndNorm({}, {}, weights_.blocks.front().norm1, ExecutionDtype());
    for (int index = 0; index < config_.depth; ++index) {
      const PermutedBlock& block = weights_.blocks[index];
      const bool last = index + 1 == config_.depth;
      const at::Tensor attention = Attention(index, last ? first_tokens_ : tokens_, y);
      if (last) KeepFirstTokens();
      y = AddAndNorm(attention, block.scale1, block.norm2, ExecutionDtype());
      const at::Tensor mlp = Mlp(index, y);
      if (!last) {
        y = AddAndNorm(mlp, block.scale2, weights_.blocks[index + 1].norm1, ExecutionDtype());
        continue;
      }
      const Norm final = config_.norm_after_pooling ? Norm() : weights_.head.norm;
      y = AddAndNorm(mlp, block.scale2, final, at::kFloat);
    }
    return (config_.norm_after_pooling ? x_ : y).view({images_, tokens_, config_.embed_dim});
  }

 private:
  // Neighbouring groups that keep as many units of a structure.
  struct Part {
    const BlockView* view = nullptr;
    int64_t images = 0;
  };

  at::ScalarType ExecutionDtype() const { return weights_.patch_weight.scalar_type(); }
  int DeviceIndex() const { return x_.is_cuda() ? x_.get_device() : 0; }

  at::Tensor Patches(const at::Tensor& pixels) const {
    if (module_ == nullptr) return PatchRows(weights_, pixels);
    const at::Tensor from = pixels.contiguous();
    const int64_t patch = config_.patch_size;
    at::Tensor rows = at::empty({images_ * config_.patches(), 3 * patch * patch},
                                weights_.patch_weight.options());
    SnapvitPatches call = {};
    call.pixels = Data(from);
    call.images = static_cast<int>(images_);
    call.height = config_.image_height;
    call.width = config_.image_width;
    call.patch = config_.patch_size;
    call.out = rows.data_ptr();
    call.out_element = ElementOf(rows);
    Check(module_->GatherPatches(from.is_cuda() ? from.get_device() : 0, call));
    return rows;
  }

  // x += scale·added, without `added` nothing; then norm(x) as `dtype`, without a norm nothing.
  at::Tensor AddAndNorm(const at::Tensor& added, const at::Tensor& scale, const Norm& norm,
                        at::ScalarType dtype) {
    // A norm without bias is left to ATen.
    if (module_ != nullptr && norm.weight.defined() == norm.bias.defined()) {
      return AddAndNormByModule(added, scale, norm, dtype);
    }
    if (added.defined()) {
      if (scale.defined()) {
        x_.addcmul_(added, scale);
      } else {
        x_.add_(added);
      }
    }
    if (!norm.weight.defined()) return {};
    return Apply(norm, x_, config_.block.norm_eps).to(dtype);
  }

  at::Tensor AddAndNormByModule(const at::Tensor& added, const at::Tensor& scale, const Norm& norm,
                                at::ScalarType dtype) {
    at::Tensor out;
    SnapvitAddNorm call = {};
    call.x = x_.data_ptr<float>();
    call.rows = x_.size(0);
    call.dim = static_cast<int>(x_.size(1));
    if (added.defined()) {
      TORCH_INTERNAL_ASSERT(added.is_contiguous());
      call.added = added.const_data_ptr();
      call.added_element = ElementOf(added);
      call.added_is_row = added.dim() == 1 ? 1 : 0;
      call.scale = Data(scale);
    }
    if (norm.weight.defined()) {
      out = at::empty(x_.sizes(), x_.options().dtype(dtype));
      call.weight = Data(norm.weight);
      call.bias = Data(norm.bias);
      call.eps = static_cast<float>(config_.block.norm_eps);
      call.out = out.data_ptr();
      call.out_element = ElementOf(out);
    }
    Check(module_->AddNorm(DeviceIndex(), call));
    return out;
  }

  // What each run of groups computes from its rows of y, one below the other.
  template <typename Half>
  at::Tensor ByRuns(int index, int BlockView::*units, int64_t rows_of_image, const at::Tensor& y,
                    const Half& half) const {
    std::vector<Part> runs;
    for (const ViewGroup& group : groups_) {
      const BlockView& view = (*group.view)[index];
      if (runs.empty() || runs.back().view->*units != view.*units) runs.push_back({&view, 0});
      runs.back().images += group.images;
    }
    if (runs.size() == 1) return half(runs.front(), y);
    std::vector<at::Tensor> parts;
    int64_t row = 0;
    const int64_t input_rows = y.size(0) / images_;
    for (const Part& run : runs) {
      const at::Tensor part = half(run, y.narrow(0, row, run.images * input_rows));
      row += run.images * input_rows;
      // Without units it is one row for all.
      parts.push_back(part.expand({run.images * rows_of_image, config_.embed_dim}));
    }
    return at::cat(parts);
  }

  at::Tensor Attention(int index, int64_t queries, const at::Tensor& y) const {
    return ByRuns(index, &BlockView::heads, queries, y, [&](const Part& run, const at::Tensor& in) {
      return AttentionOutput(weights_, weights_.blocks[index], *run.view, run.images, queries, in);
    });
  }

  at::Tensor Mlp(int index, const at::Tensor& y) const {
    return ByRuns(
        index, &BlockView::channels, tokens_, y,
        [&](const Part& run, const at::Tensor& in) { return MlpOutput(config_, *run.view, in); });
  }

  // From here on the stream has the rows of the wanted tokens alone.
  void KeepFirstTokens() {
    if (first_tokens_ == tokens_) return;
    x_ = x_.view({images_, tokens_, config_.embed_dim})
             .narrow(1, 0, first_tokens_)
             .contiguous()  // reshape alone keeps the rows apart if there is one of each image
             .view({images_ * first_tokens_, config_.embed_dim});
    tokens_ = first_tokens_;
  }

  const PermutedWeights& weights_;
  const VitConfig& config_;
  const std::span<const ViewGroup> groups_;
  const int64_t first_tokens_;
  const CudaModule* const module_;
  int64_t images_ = 0;
  int64_t tokens_ = config_.tokens();  // of an image in the stream
  at::Tensor x_;                       // the residual stream, [images·tokens, D] f32
};

}  // namespace

at::Tensor AtenTokens(const PermutedWeights& weights, std::span<const ViewGroup> groups,
                      const at::Tensor& pixels, int64_t first_tokens, const CudaModule* module) {
  return AtenPass(weights, groups, first_tokens, module).Run(pixels);
}

}  // namespace snapvit
