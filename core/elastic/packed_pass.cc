#include "core/elastic/packed_pass.h"

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "core/elastic/structure.h"
#include "core/kernels/kernels.h"

namespace snapvit {
namespace {

int64_t Even(int64_t n) { return (n + 1) / 2 * 2; }

const float* Data(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

GemmActivation ActivationOf(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return GemmActivation::kGelu;
    case Activation::kGeluTanh:
      return GemmActivation::kGeluTanh;
    case Activation::kQuickGelu:
      return GemmActivation::kQuickGelu;
    case Activation::kSilu:
      return GemmActivation::kSilu;
  }
  return GemmActivation::kNone;
}

// Scratch memory of a pass; grows to the largest batch of its thread, whatever the views: memory
// that grew view by view would leave holes behind.
template <typename T>
struct Workspace {
  AlignedVector<float> x;  // [B·N, D], the residual stream
  AlignedVector<T> input;  // [B·N, D or 3·p·p]: what a half or the patch embedding reads
  AlignedVector<T> qkv;    // [B·N, H'·3·dh]
  AlignedVector<T> units;  // [B·N, H'·dh or h']
  AlignedVector<T> low;    // [B·N, rank]
  PackedMatrix<T> table_in, table_out;  // of a correction whose tables are kept compact
};

template <typename T>
Workspace<T>& ThreadWorkspace() {
  thread_local Workspace<T> workspace;
  return workspace;
}

// The table as the kernels read it.
const PackedMatrix<BFloat16Bits>& Whole(const PackedMatrix<BFloat16Bits>& table,
                                        PackedMatrix<BFloat16Bits>& /*space*/) {
  return table;
}
const PackedMatrix<float>& Whole(const CompactMatrix& table, PackedMatrix<float>& space) {
  table.Expand(space);
  return space;
}

// Zeros behind an odd number of columns: the kernels read pairs.
template <typename T>
void ClearColumn(T* data, int64_t rows, int64_t stride, int64_t column) {
  if (column >= stride) return;
  for (int64_t row = 0; row < rows; ++row) data[row * stride + column] = 0;
}

// One forward pass.
template <typename T>
class Pass {
 public:
  Pass(const PackedWeights<T>& weights, const KeepCounts& view, std::span<const PassImage> images,
       int64_t first_tokens, const Parallel& parallel)
      : weights_(weights),
        config_(weights.config),
        kernels_(*CpuKernels<T>()),
        view_(view),
        images_(images),
        image_count_(static_cast<int64_t>(images.size())),
        first_tokens_(first_tokens),
        parallel_(parallel),
        work_(ThreadWorkspace<T>()) {}

  void Run() {
    Embed();
    if (config_.norm_before) NormStream(weights_.norm_before);
    for (int block = 0; block < config_.depth; ++block) {
      AddAttention(block);
      AddMlp(block);
    }
    if (!config_.norm_after_pooling) NormStream(weights_.norm);
    const int64_t size = tokens_ * config_.embed_dim;
    for (int64_t image = 0; image < image_count_; ++image) {
      std::copy_n(work_.x.data() + image * size, size, images_[image].tokens);
    }
  }

 private:
  // Rows of the residual stream: of all tokens, and from the attention of the last block on of
  // those that are wanted.
  int64_t rows() const { return image_count_ * tokens_; }

  // x = start + patches·weight. Rows of prefix tokens have patches of zeros.
  void Embed() {
    const int64_t patch = config_.patch_size, width = config_.embed_dim;
    const int64_t stride = Even(3 * patch * patch);
    work_.x.Reserve(rows() * width);
    const int64_t of_heads = int64_t{config_.num_heads} * config_.head_dim;
    work_.qkv.Reserve(rows() * 3 * of_heads);
    work_.units.Reserve(rows() * std::max(of_heads, Even(config_.mlp_hidden)));
    work_.input.Reserve(rows() * std::max(stride, Even(width)));
    const int64_t prefix = config_.prefix_tokens(), columns = config_.grid_width();
    parallel_.run([&](int thread) {
      const int64_t end = rows() * (thread + 1) / parallel_.threads;
      for (int64_t row = rows() * thread / parallel_.threads; row < end; ++row) {
        const int64_t image = row / tokens_, token = row % tokens_;
        std::copy_n(Data(weights_.start) + token * width, width, work_.x.data() + row * width);
        T* out = work_.input.data() + row * stride;
        if (token < prefix) {
          std::fill_n(out, stride, 0);
          continue;
        }
        const int64_t i = (token - prefix) / columns, j = (token - prefix) % columns;
        for (int64_t channel = 0; channel < 3; ++channel) {
          const float* plane =
              images_[image].pixels +
              channel * config_.image_height * static_cast<int64_t>(config_.image_width);
          for (int64_t y = 0; y < patch; ++y, out += patch) {
            kernels_.convert(plane + (i * patch + y) * config_.image_width + j * patch, patch, out);
          }
        }
        if (stride > 3 * patch * patch) *out = 0;
      }
    });
    GemmCall<T> call =
        Product(weights_.patch, work_.input.data(), stride, 3 * patch * patch, width);
    AddTo(call, /*scale=*/{});
  }

  void NormStream(const Norm& norm) const {
    LayerNormCall<T> call = NormCall(norm);
    call.out_f32 = work_.x.data();
    call.out_stride = config_.embed_dim;
    kernels_.layer_norm(call, parallel_);
  }

  // The input of a half of a block, [rows, D] bf16.
  void NormInput(const Norm& norm) {
    LayerNormCall<T> call = NormCall(norm);
    call.out = work_.input.data();
    call.out_stride = Even(config_.embed_dim);
    kernels_.layer_norm(call, parallel_);
  }

  LayerNormCall<T> NormCall(const Norm& norm) const {
    LayerNormCall<T> call;
    call.x = work_.x.data();
    call.stride = config_.embed_dim;
    call.rows = rows();
    call.dim = config_.embed_dim;
    call.weight = Data(norm.weight);
    call.bias = Data(norm.bias);
    call.eps = config_.block.norm_eps;
    return call;
  }

  GemmCall<T> Product(const PackedMatrix<T>& weights, const T* data, int64_t stride, int64_t inputs,
                      int64_t outputs) const {
    GemmCall<T> call;
    call.rows = {data, stride};
    call.row_count = rows();
    call.weights = &weights;
    call.inputs = inputs;
    call.outputs = outputs;
    return call;
  }

  // x += scale·(what the call computes)
  void AddTo(GemmCall<T>& call, const at::Tensor& scale) const {
    call.residual = work_.x.data();
    call.out_stride = config_.embed_dim;
    call.scale = Data(scale);
    kernels_.gemm(call, parallel_);
  }

  // Adds to x what the units [rows, inputs] of a half give.
  void AddOutput(const PackedMatrix<T>& weights, int64_t inputs, const at::Tensor& dense_bias,
                 const at::Tensor& scale, const PackedCorrection<T>* correction) {
    GemmCall<T> call =
        Product(weights, work_.units.data(), Even(inputs), inputs, config_.embed_dim);
    call.bias = Data(correction != nullptr ? correction->bias : dense_bias);
    if (correction == nullptr || correction->in.empty()) return AddTo(call, scale);
    const PackedMatrix<T>& in = Whole(correction->in, work_.table_in);
    const int64_t rank = in.outputs(), stride = Even(rank);
    work_.low.Reserve(rows() * stride);
    GemmCall<T> low = Product(in, work_.units.data(), Even(inputs), inputs, rank);
    low.out = work_.low.data();
    low.out_stride = stride;
    kernels_.gemm(low, parallel_);
    ClearColumn(work_.low.data(), rows(), stride, rank);
    call.more_rows = {work_.low.data(), stride};
    call.more_weights = &Whole(correction->out, work_.table_out);
    call.more_inputs = rank;
    AddTo(call, scale);
  }

  // A half without units adds its bias to every row.
  void AddBias(const at::Tensor& dense_bias, const at::Tensor& scale,
               const PackedCorrection<T>* correction) {
    const float* bias = Data(correction != nullptr ? correction->bias : dense_bias);
    const float* factor = Data(scale);
    const int64_t width = config_.embed_dim;
    for (int64_t row = 0; row < rows(); ++row) {
      float* x = work_.x.data() + row * width;
      for (int64_t i = 0; i < width; ++i) x[i] += factor == nullptr ? bias[i] : factor[i] * bias[i];
    }
  }

  void AddAttention(int index) {
    const PackedBlock<T>& block = weights_.blocks[index];
    const int heads = view_.heads[index];
    const PackedCorrection<T>* correction = weights_.Find(config_.depth + index, heads);
    const bool last = index + 1 == config_.depth;
    if (heads == 0) {
      if (last) KeepFirstTokens();
      return AddBias(block.proj_bias, block.scale1, correction);
    }
    NormInput(block.norm1);
    const int64_t width = int64_t{heads} * config_.head_dim;
    const int64_t queries = last ? first_tokens_ : tokens_;
    ComputeQkv(block, 3 * width, queries);
    Place(block, heads);
    AttentionCall<T> call;
    call.qkv = work_.qkv.data();
    call.stride = 3 * width;
    call.images = static_cast<int>(image_count_);
    call.tokens = static_cast<int>(tokens_);
    call.heads = heads;
    call.head_dim = config_.head_dim;
    call.queries = static_cast<int>(queries);
    call.out = work_.units.data();
    call.out_stride = width;
    kernels_.attention(call, parallel_);
    if (last) KeepFirstTokens();
    AddOutput(block.proj, width, block.proj_bias, block.scale1, correction);
  }

  bool Placed(const PackedBlock<T>& block) const {
    return weights_.rotary.cos.defined() || block.query_norm.weight.defined();
  }

  // Queries only of the first tokens, if heads and panels lie so that they can be left out.
  void ComputeQkv(const PackedBlock<T>& block, int64_t width, int64_t queries) const {
    const int64_t stride = Even(config_.embed_dim);
    GemmCall<T> call = Product(block.qkv, work_.input.data(), stride, config_.embed_dim, width);
    call.bias = Data(block.qkv_bias);
    call.out = work_.qkv.data();
    call.out_stride = width;
    const bool apart = queries < tokens_ && config_.head_dim == kPanel && !Placed(block);
    if (!apart) return kernels_.gemm(call, parallel_);
    call.period = 3;
    call.from = 1;
    call.until = 3;
    kernels_.gemm(call, parallel_);
    call.from = 0;
    call.until = 1;
    call.row_count = image_count_;
    for (int64_t token = 0; token < queries; ++token) {
      call.rows = {work_.input.data() + token * stride, tokens_ * stride};
      call.out = work_.qkv.data() + token * width;
      call.out_stride = tokens_ * width;
      kernels_.gemm(call, parallel_);
    }
  }

  void Place(const PackedBlock<T>& block, int heads) const {
    if (!Placed(block)) return;
    PositionCall<T> call;
    call.qkv = work_.qkv.data();
    call.stride = int64_t{3} * heads * config_.head_dim;
    call.images = static_cast<int>(image_count_);
    call.tokens = static_cast<int>(tokens_);
    call.heads = heads;
    call.head_dim = config_.head_dim;
    call.query_weight = Data(block.query_norm.weight);
    call.query_bias = Data(block.query_norm.bias);
    call.key_weight = Data(block.key_norm.weight);
    call.key_bias = Data(block.key_norm.bias);
    call.eps = config_.block.norm_eps;
    call.cos = Data(weights_.rotary.cos);
    call.sin = Data(weights_.rotary.sin);
    kernels_.position(call, parallel_);
  }

  // From here on the stream has the rows of the wanted tokens alone.
  void KeepFirstTokens() {
    if (first_tokens_ == tokens_) return;
    const int64_t width = config_.embed_dim;
    for (int64_t image = 1; image < image_count_; ++image) {
      std::copy_n(work_.x.data() + image * tokens_ * width, first_tokens_ * width,
                  work_.x.data() + image * first_tokens_ * width);
    }
    tokens_ = first_tokens_;
  }

  void AddMlp(int index) {
    const PackedBlock<T>& block = weights_.blocks[index];
    const int64_t channels = view_.channels[index];
    const PackedCorrection<T>* correction = weights_.Find(index, static_cast<int>(channels));
    if (channels == 0) return AddBias(block.fc2_bias, block.scale2, correction);
    NormInput(block.norm2);
    GemmCall<T> call = Product(block.fc1, work_.input.data(), Even(config_.embed_dim),
                               config_.embed_dim, channels);
    call.bias = Data(block.fc1_bias);
    call.gate_bias = Data(block.gate_bias);
    call.activation = ActivationOf(config_.block.activation);
    call.out = work_.units.data();
    call.out_stride = Even(channels);
    kernels_.gemm(call, parallel_);
    ClearColumn(work_.units.data(), rows(), Even(channels), channels);
    AddOutput(block.fc2, channels, block.fc2_bias, block.scale2, correction);
  }

  const PackedWeights<T>& weights_;
  const VitConfig& config_;
  const Kernels<T>& kernels_;
  const KeepCounts& view_;
  const std::span<const PassImage> images_;
  const int64_t image_count_;
  const int64_t first_tokens_;
  const Parallel& parallel_;
  Workspace<T>& work_;
  int64_t tokens_ = config_.tokens();  // of an image in the stream
};

}  // namespace

template <typename T>
void RunPackedPass(const PackedWeights<T>& weights, const KeepCounts& view,
                   std::span<const PassImage> images, int64_t first_tokens,
                   const Parallel& parallel) {
  Pass<T>(weights, view, images, first_tokens, parallel).Run();
}

template void RunPackedPass(const PackedWeights<BFloat16Bits>&, const KeepCounts&,
                            std::span<const PassImage>, int64_t, const Parallel&);
template void RunPackedPass(const PackedWeights<float>&, const KeepCounts&,
                            std::span<const PassImage>, int64_t, const Parallel&);

}  // namespace snapvit
