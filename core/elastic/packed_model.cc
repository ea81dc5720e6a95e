#include "core/elastic/packed_model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/elastic/aten_threads.h"
#include "core/elastic/structure.h"
#include "core/kernels/kernels.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

int64_t Even(int64_t n) { return (n + 1) / 2 * 2; }

template <typename T>
inline constexpr at::ScalarType kDtype = sizeof(T) == 2 ? at::kBFloat16 : at::kFloat;

// REQUIRES: elements of T.
template <typename T>
const T* Elements(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

at::Tensor Float(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.to(at::kFloat).contiguous() : tensor;
}

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

// A matrix whose rows are the outputs, and one whose rows are the inputs.
template <typename T>
PackedMatrix<T> PackRowsOut(const at::Tensor& weight) {
  const at::Tensor rows = weight.reshape({-1, weight.size(-1)}).to(kDtype<T>).contiguous();
  return PackedMatrix<T>::Pack(Elements<T>(rows), rows.size(1), rows.size(0), 1, rows.size(1));
}
template <typename T>
PackedMatrix<T> PackRowsIn(const at::Tensor& weight) {
  const at::Tensor rows = weight.to(kDtype<T>).contiguous();
  return PackedMatrix<T>::Pack(Elements<T>(rows), rows.size(0), rows.size(1), rows.size(1), 1);
}

// Vectors are f32.
template <typename T>
struct Block {
  Norm norm1, norm2, query_norm, key_norm;
  at::Tensor qkv_bias, proj_bias, fc1_bias, gate_bias, fc2_bias;
  at::Tensor scale1, scale2;
  PackedMatrix<T> qkv, proj, fc1, fc2;
};

// What stands for the pruned units of a structure. Low-rank tables are bf16 in memory, whatever T
// is: of f32 they are packed for each use, which costs less than keeping them twice as large.
template <typename T>
struct Correction {
  Correction() = default;
  explicit Correction(const StructureCorrection& from) : bias(Float(from.bias)) {
    if (!from.in.defined()) return;
    if constexpr (kKeepsTables) {
      packed_in = PackRowsIn<T>(from.in);
      packed_out = PackRowsIn<T>(from.out);
    } else {
      in = from.in;
      out = from.out;
    }
  }

  static constexpr bool kKeepsTables = sizeof(T) == sizeof(BFloat16Bits);

  bool low_rank() const { return in.defined() || !packed_in.empty(); }
  size_t bytes() const {
    const size_t tables = in.defined() ? in.nbytes() + out.nbytes() : 0;
    return bias.nbytes() + packed_in.bytes() + packed_out.bytes() + tables;
  }

  at::Tensor bias;                        // [D] f32
  PackedMatrix<T> packed_in, packed_out;  // empty without a low-rank part
  at::Tensor in, out;                     // bf16, instead of them
};

template <typename T>
Block<T> PackBlock(const VitConfig& config, const PermutedBlock& from) {
  Block<T> block;
  block.norm1 = from.norm1;
  block.norm2 = from.norm2;
  block.query_norm = from.query_norm;
  block.key_norm = from.key_norm;
  block.scale1 = from.scale1;
  block.scale2 = from.scale2;
  block.qkv = PackRowsOut<T>(from.qkv_weight);
  block.qkv_bias = Float(from.qkv_bias);
  block.proj = PackRowsIn<T>(from.proj_weight);
  block.proj_bias = Float(from.proj_bias);
  if (config.block.gated_mlp) {  // rows: gate, value, gate, value, …
    const at::Tensor rows = from.fc1_weight.contiguous();
    const int64_t width = rows.size(1);
    const T* gates = Elements<T>(rows);
    block.fc1 =
        PackedMatrix<T>::PackGated(gates, gates + width, width, rows.size(0) / 2, 1, 2 * width);
    const at::Tensor pairs = from.fc1_bias.view({-1, 2});
    block.gate_bias = Float(pairs.select(1, 0));
    block.fc1_bias = Float(pairs.select(1, 1));
  } else {
    block.fc1 = PackRowsOut<T>(from.fc1_weight);
    block.fc1_bias = Float(from.fc1_bias);
  }
  block.fc2 = PackRowsIn<T>(from.fc2_weight);
  block.fc2_bias = Float(from.fc2_bias);
  return block;
}

// Scratch memory of a pass; grows to the largest batch of its thread.
template <typename T>
struct Workspace {
  AlignedVector<float> x;  // [B·N, D], the residual stream
  AlignedVector<T> input;  // [B·N, D or 3·p·p]: what a half or the patch embedding reads
  AlignedVector<T> qkv;    // [B·N, H'·3·dh]
  AlignedVector<T> units;  // [B·N, H'·dh or h']
  AlignedVector<T> low;    // [B·N, rank]
};

template <typename T>
Workspace<T>& ThreadWorkspace() {
  thread_local Workspace<T> workspace;
  return workspace;
}

// Zeros behind an odd number of columns: the kernels read pairs.
template <typename T>
void ClearColumn(T* data, int64_t rows, int64_t stride, int64_t column) {
  if (column >= stride) return;
  for (int64_t row = 0; row < rows; ++row) data[row * stride + column] = 0;
}

template <typename T>
struct State {
  VitConfig config;
  const Kernels<T>* kernels = nullptr;
  PackedMatrix<T> patch;
  at::Tensor start;  // [N, D] f32: prefix tokens, positions and the bias of the patches
  Norm norm_before, norm;
  RotaryTable rotary;
  std::vector<Block<T>> blocks;
  std::map<std::pair<int, int>, Correction<T>> corrections;  // by structure and units kept

  const Correction<T>* Find(int structure, int keep) const {
    const auto it = corrections.find({structure, keep});
    return it == corrections.end() ? nullptr : &it->second;
  }
};

// One forward pass of a batch.
template <typename T>
class Pass {
 public:
  Pass(const State<T>& state, const KeepCounts& view, int64_t images, int64_t first_tokens,
       const Parallel& parallel)
      : state_(state),
        config_(state.config),
        kernels_(*state.kernels),
        view_(view),
        images_(images),
        first_tokens_(first_tokens),
        parallel_(parallel),
        work_(ThreadWorkspace<T>()) {}

  void Run(const at::Tensor& pixels, at::Tensor& tokens) {
    Embed(pixels.const_data_ptr<float>());
    if (config_.norm_before) NormStream(state_.norm_before, work_.x.data());
    for (int block = 0; block < config_.depth; ++block) {
      AddAttention(block);
      AddMlp(block);
    }
    float* out = tokens.data_ptr<float>();
    if (config_.norm_after_pooling) {
      std::copy_n(work_.x.data(), rows() * config_.embed_dim, out);
    } else {
      NormStream(state_.norm, out);
    }
  }

 private:
  // Rows of the residual stream: of all tokens, and from the attention of the last block on of
  // those that are wanted.
  int64_t rows() const { return images_ * tokens_; }

  // x = start + patches·weight. Rows of prefix tokens have patches of zeros.
  void Embed(const float* pixels) {
    const int64_t patch = config_.patch_size, width = config_.embed_dim;
    const int64_t stride = Even(3 * patch * patch);
    work_.x.Reserve(rows() * width);
    work_.input.Reserve(rows() * std::max(stride, Even(width)));
    const int64_t prefix = config_.prefix_tokens(), columns = config_.grid_width();
    parallel_.run([&](int thread) {
      const int64_t end = rows() * (thread + 1) / parallel_.threads;
      for (int64_t row = rows() * thread / parallel_.threads; row < end; ++row) {
        const int64_t image = row / tokens_, token = row % tokens_;
        std::copy_n(Data(state_.start) + token * width, width, work_.x.data() + row * width);
        T* out = work_.input.data() + row * stride;
        if (token < prefix) {
          std::fill_n(out, stride, 0);
          continue;
        }
        const int64_t i = (token - prefix) / columns, j = (token - prefix) % columns;
        for (int64_t channel = 0; channel < 3; ++channel) {
          const float* plane = pixels + (image * 3 + channel) * config_.image_height *
                                            static_cast<int64_t>(config_.image_width);
          for (int64_t y = 0; y < patch; ++y, out += patch) {
            kernels_.convert(plane + (i * patch + y) * config_.image_width + j * patch, patch, out);
          }
        }
        if (stride > 3 * patch * patch) *out = 0;
      }
    });
    GemmCall<T> call = Product(state_.patch, work_.input.data(), stride, 3 * patch * patch, width);
    AddTo(call, /*scale=*/{});
  }

  void NormStream(const Norm& norm, float* out) const {
    LayerNormCall<T> call = NormCall(norm);
    call.out_f32 = out;
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
                 const at::Tensor& scale, const Correction<T>* correction) {
    GemmCall<T> call =
        Product(weights, work_.units.data(), Even(inputs), inputs, config_.embed_dim);
    call.bias = Data(correction != nullptr ? correction->bias : dense_bias);
    if (correction == nullptr || !correction->low_rank()) return AddTo(call, scale);
    PackedMatrix<T> in_here, out_here;
    if constexpr (!Correction<T>::kKeepsTables) {
      in_here = PackRowsIn<T>(correction->in);
      out_here = PackRowsIn<T>(correction->out);
    }
    const PackedMatrix<T>& in = Correction<T>::kKeepsTables ? correction->packed_in : in_here;
    const int64_t rank = in.outputs(), stride = Even(rank);
    work_.low.Reserve(rows() * stride);
    GemmCall<T> low = Product(in, work_.units.data(), Even(inputs), inputs, rank);
    low.out = work_.low.data();
    low.out_stride = stride;
    kernels_.gemm(low, parallel_);
    ClearColumn(work_.low.data(), rows(), stride, rank);
    call.more_rows = {work_.low.data(), stride};
    call.more_weights = Correction<T>::kKeepsTables ? &correction->packed_out : &out_here;
    call.more_inputs = rank;
    AddTo(call, scale);
  }

  // A half without units adds its bias to every row.
  void AddBias(const at::Tensor& dense_bias, const at::Tensor& scale,
               const Correction<T>* correction) {
    const float* bias = Data(correction != nullptr ? correction->bias : dense_bias);
    const float* factor = Data(scale);
    const int64_t width = config_.embed_dim;
    for (int64_t row = 0; row < rows(); ++row) {
      float* x = work_.x.data() + row * width;
      for (int64_t i = 0; i < width; ++i) x[i] += factor == nullptr ? bias[i] : factor[i] * bias[i];
    }
  }

  void AddAttention(int index) {
    const Block<T>& block = state_.blocks[index];
    const int heads = view_.heads[index];
    const Correction<T>* correction = state_.Find(config_.depth + index, heads);
    const bool last = index + 1 == config_.depth;
    if (heads == 0) {
      if (last) KeepFirstTokens();
      return AddBias(block.proj_bias, block.scale1, correction);
    }
    NormInput(block.norm1);
    const int64_t width = int64_t{heads} * config_.head_dim;
    work_.qkv.Reserve(rows() * 3 * width);
    const int64_t queries = last ? first_tokens_ : tokens_;
    ComputeQkv(block, 3 * width, queries);
    Place(block, heads);
    work_.units.Reserve(images_ * queries * width);
    AttentionCall<T> call;
    call.qkv = work_.qkv.data();
    call.stride = 3 * width;
    call.images = static_cast<int>(images_);
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

  bool Placed(const Block<T>& block) const {
    return state_.rotary.cos.defined() || block.query_norm.weight.defined();
  }

  // Queries only of the first tokens, if heads and panels lie so that they can be left out.
  void ComputeQkv(const Block<T>& block, int64_t width, int64_t queries) const {
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
    call.row_count = images_;
    for (int64_t token = 0; token < queries; ++token) {
      call.rows = {work_.input.data() + token * stride, tokens_ * stride};
      call.out = work_.qkv.data() + token * width;
      call.out_stride = tokens_ * width;
      kernels_.gemm(call, parallel_);
    }
  }

  void Place(const Block<T>& block, int heads) const {
    if (!Placed(block)) return;
    PositionCall<T> call;
    call.qkv = work_.qkv.data();
    call.stride = int64_t{3} * heads * config_.head_dim;
    call.images = static_cast<int>(images_);
    call.tokens = static_cast<int>(tokens_);
    call.heads = heads;
    call.head_dim = config_.head_dim;
    call.query_weight = Data(block.query_norm.weight);
    call.query_bias = Data(block.query_norm.bias);
    call.key_weight = Data(block.key_norm.weight);
    call.key_bias = Data(block.key_norm.bias);
    call.eps = config_.block.norm_eps;
    call.cos = Data(state_.rotary.cos);
    call.sin = Data(state_.rotary.sin);
    kernels_.position(call, parallel_);
  }

  // From here on the stream has the rows of the wanted tokens alone.
  void KeepFirstTokens() {
    if (first_tokens_ == tokens_) return;
    const int64_t width = config_.embed_dim;
    for (int64_t image = 1; image < images_; ++image) {
      std::copy_n(work_.x.data() + image * tokens_ * width, first_tokens_ * width,
                  work_.x.data() + image * first_tokens_ * width);
    }
    tokens_ = first_tokens_;
  }

  void AddMlp(int index) {
    const Block<T>& block = state_.blocks[index];
    const int64_t channels = view_.channels[index];
    const Correction<T>* correction = state_.Find(index, static_cast<int>(channels));
    if (channels == 0) return AddBias(block.fc2_bias, block.scale2, correction);
    NormInput(block.norm2);
    work_.units.Reserve(rows() * Even(channels));
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

  const State<T>& state_;
  const VitConfig& config_;
  const Kernels<T>& kernels_;
  const KeepCounts& view_;
  const int64_t images_;
  const int64_t first_tokens_;
  const Parallel& parallel_;
  Workspace<T>& work_;
  int64_t tokens_ = config_.tokens();  // of an image in the stream
};

template <typename T>
class PackedModelOf final : public PackedModel {
 public:
  PackedModelOf(PermutedWeights& weights, const CorrectionSet& corrections) {
    const VitConfig& config = weights.config;
    state_.config = config;
    state_.kernels = CpuKernels<T>();
    state_.patch = PackRowsIn<T>(weights.patch_weight);
    weights.patch_weight.reset();
    state_.start = at::zeros({config.tokens(), config.embed_dim});
    const int64_t prefix = config.prefix_tokens();
    state_.start.narrow(0, prefix, config.patches()).add_(weights.patch_bias.to(at::kFloat));
    if (prefix > 0) state_.start.narrow(0, 0, prefix).add_(weights.prefix[0]);
    if (weights.position_embedding.defined()) state_.start.add_(weights.position_embedding[0]);
    state_.norm_before = weights.norm_before;
    state_.norm = weights.head.norm;
    state_.rotary = weights.rotary;
    for (PermutedBlock& block : weights.blocks) {
      state_.blocks.push_back(PackBlock<T>(config, block));
      block = PermutedBlock();
    }
    weights.blocks.clear();
    for (const auto& [key, from] : corrections.all()) {
      state_.corrections.emplace(key, Correction<T>(from));
    }
  }

  at::Tensor Tokens(const KeepCounts& view, const at::Tensor& pixels,
                    int64_t first_tokens) const override {
    const at::Tensor contiguous = pixels.contiguous();
    at::Tensor tokens =
        at::empty({pixels.size(0), first_tokens, state_.config.embed_dim}, at::kFloat);
    const int threads = at::get_num_threads();
    const auto run = [threads](absl::FunctionRef<void(int)> task) { RunOnOpenMp(threads, task); };
    Pass<T>(state_, view, pixels.size(0), first_tokens, {run, threads}).Run(contiguous, tokens);
    return tokens;
  }

  size_t weight_bytes() const override {
    size_t bytes = state_.patch.bytes() + state_.start.nbytes();
    for (const Block<T>& block : state_.blocks) {
      for (const PackedMatrix<T>* matrix : {&block.qkv, &block.proj, &block.fc1, &block.fc2}) {
        bytes += matrix->bytes();
      }
      for (const at::Tensor* vector :
           {&block.norm1.weight, &block.norm1.bias, &block.norm2.weight, &block.norm2.bias,
            &block.qkv_bias, &block.proj_bias, &block.fc1_bias, &block.gate_bias, &block.fc2_bias,
            &block.scale1, &block.scale2}) {
        if (vector->defined()) bytes += vector->nbytes();
      }
    }
    return bytes;
  }

  size_t correction_bytes() const override {
    size_t bytes = 0;
    for (const auto& entry : state_.corrections) bytes += entry.second.bytes();
    return bytes;
  }

 private:
  State<T> state_;
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
