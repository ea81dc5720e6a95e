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

const BFloat16Bits* Bits(const at::Tensor& tensor) {
  return reinterpret_cast<const BFloat16Bits*>(tensor.const_data_ptr());
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
PackedMatrix PackRowsOut(const at::Tensor& weight) {
  const at::Tensor rows = weight.reshape({-1, weight.size(-1)}).contiguous();
  return PackedMatrix::Pack(Bits(rows), rows.size(1), rows.size(0), 1, rows.size(1));
}
PackedMatrix PackRowsIn(const at::Tensor& weight, int panel_width = PackedMatrix::kPanel) {
  const at::Tensor rows = weight.contiguous();
  return PackedMatrix::Pack(Bits(rows), rows.size(0), rows.size(1), rows.size(1), 1, panel_width);
}

// Vectors are f32.
struct Block {
  Norm norm1, norm2, query_norm, key_norm;
  at::Tensor qkv_bias, proj_bias, fc1_bias, gate_bias, fc2_bias;
  at::Tensor scale1, scale2;
  PackedMatrix qkv, proj, fc1, fc2;
};

// What stands for the pruned units of a structure.
struct Correction {
  at::Tensor bias;       // [D] f32
  PackedMatrix in, out;  // empty without a low-rank part
};

Block PackBlock(const VitConfig& config, const PermutedBlock& from) {
  Block block;
  block.norm1 = from.norm1;
  block.norm2 = from.norm2;
  block.query_norm = from.query_norm;
  block.key_norm = from.key_norm;
  block.scale1 = from.scale1;
  block.scale2 = from.scale2;
  block.qkv = PackRowsOut(from.qkv_weight);
  block.qkv_bias = Float(from.qkv_bias);
  block.proj = PackRowsIn(from.proj_weight);
  block.proj_bias = Float(from.proj_bias);
  if (config.block.gated_mlp) {  // rows: gate, value, gate, value, …
    const at::Tensor rows = from.fc1_weight.contiguous();
    const int64_t width = rows.size(1);
    block.fc1 = PackedMatrix::PackGated(Bits(rows), Bits(rows) + width, width, rows.size(0) / 2, 1,
                                        2 * width);
    const at::Tensor pairs = from.fc1_bias.view({-1, 2});
    block.gate_bias = Float(pairs.select(1, 0));
    block.fc1_bias = Float(pairs.select(1, 1));
  } else {
    block.fc1 = PackRowsOut(from.fc1_weight);
    block.fc1_bias = Float(from.fc1_bias);
  }
  block.fc2 = PackRowsIn(from.fc2_weight);
  block.fc2_bias = Float(from.fc2_bias);
  return block;
}

// Scratch memory of a pass; grows to the largest batch of its thread.
struct Workspace {
  AlignedVector<float> x;             // [B·N, D], the residual stream
  AlignedVector<BFloat16Bits> input;  // [B·N, D or 3·p·p]: what a half or the patch embedding reads
  AlignedVector<BFloat16Bits> qkv;    // [B·N, H'·3·dh]
  AlignedVector<BFloat16Bits> units;  // [B·N, H'·dh or h']
  AlignedVector<BFloat16Bits> low;    // [B·N, rank]
};

Workspace& ThreadWorkspace() {
  thread_local Workspace workspace;
  return workspace;
}

// Zeros behind an odd number of columns: the kernels read pairs.
void ClearColumn(BFloat16Bits* data, int64_t rows, int64_t stride, int64_t column) {
  if (column >= stride) return;
  for (int64_t row = 0; row < rows; ++row) data[row * stride + column] = 0;
}

}  // namespace

struct PackedModel::State {
  VitConfig config;
  const Kernels* kernels = nullptr;
  PackedMatrix patch;
  at::Tensor start;  // [N, D] f32: prefix tokens, positions and the bias of the patches
  Norm norm_before, norm;
  RotaryTable rotary;
  std::vector<Block> blocks;
  std::map<std::pair<int, int>, Correction> corrections;  // by structure and units kept

  const Correction* Find(int structure, int keep) const {
    const auto it = corrections.find({structure, keep});
    return it == corrections.end() ? nullptr : &it->second;
  }
};

// One forward pass of a batch.
class PackedModel::Pass {
 public:
  Pass(const State& state, const KeepCounts& view, int64_t images, int64_t first_tokens,
       const Parallel& parallel)
      : state_(state),
        config_(state.config),
        kernels_(*state.kernels),
        view_(view),
        images_(images),
        first_tokens_(first_tokens),
        parallel_(parallel),
        work_(ThreadWorkspace()) {}

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
        BFloat16Bits* out = work_.input.data() + row * stride;
        if (token < prefix) {
          std::fill_n(out, stride, 0);
          continue;
        }
        const int64_t i = (token - prefix) / columns, j = (token - prefix) % columns;
        for (int64_t channel = 0; channel < 3; ++channel) {
          const float* plane = pixels + (image * 3 + channel) * config_.image_height *
                                            static_cast<int64_t>(config_.image_width);
          for (int64_t y = 0; y < patch; ++y, out += patch) {
            kernels_.to_bfloat16(plane + (i * patch + y) * config_.image_width + j * patch, patch,
                                 out);
          }
        }
        if (stride > 3 * patch * patch) *out = 0;
      }
    });
    GemmCall call = Product(state_.patch, work_.input.data(), stride, 3 * patch * patch, width);
    AddTo(call, /*scale=*/{});
  }

  void NormStream(const Norm& norm, float* out) const {
    LayerNormCall call = NormCall(norm);
    call.out_f32 = out;
    call.out_stride = config_.embed_dim;
    kernels_.layer_norm(call, parallel_);
  }

  // The input of a half of a block, [rows, D] bf16.
  void NormInput(const Norm& norm) {
    LayerNormCall call = NormCall(norm);
    call.out = work_.input.data();
    call.out_stride = Even(config_.embed_dim);
    kernels_.layer_norm(call, parallel_);
  }

  LayerNormCall NormCall(const Norm& norm) const {
    LayerNormCall call;
    call.x = work_.x.data();
    call.stride = config_.embed_dim;
    call.rows = rows();
    call.dim = config_.embed_dim;
    call.weight = Data(norm.weight);
    call.bias = Data(norm.bias);
    call.eps = config_.block.norm_eps;
    return call;
  }

  GemmCall Product(const PackedMatrix& weights, const BFloat16Bits* data, int64_t stride,
                   int64_t inputs, int64_t outputs) const {
    GemmCall call;
    call.rows = {data, stride};
    call.row_count = rows();
    call.weights = &weights;
    call.inputs = inputs;
    call.outputs = outputs;
    return call;
  }

  // x += scale·(what the call computes)
  void AddTo(GemmCall& call, const at::Tensor& scale) const {
    call.residual = work_.x.data();
    call.out_stride = config_.embed_dim;
    call.scale = Data(scale);
    kernels_.gemm(call, parallel_);
  }

  // Adds to x what the units [rows, inputs] of a half give.
  void AddOutput(const PackedMatrix& weights, int64_t inputs, const at::Tensor& dense_bias,
                 const at::Tensor& scale, const Correction* correction) {
    GemmCall call = Product(weights, work_.units.data(), Even(inputs), inputs, config_.embed_dim);
    call.bias = Data(correction != nullptr ? correction->bias : dense_bias);
    if (correction != nullptr && !correction->in.empty()) {
      const int64_t rank = correction->in.outputs(), stride = Even(rank);
      work_.low.Reserve(rows() * stride);
      GemmCall low = Product(correction->in, work_.units.data(), Even(inputs), inputs, rank);
      low.out = work_.low.data();
      low.out_stride = stride;
      kernels_.gemm(low, parallel_);
      ClearColumn(work_.low.data(), rows(), stride, rank);
      call.more_rows = {work_.low.data(), stride};
      call.more_weights = &correction->out;
      call.more_inputs = rank;
    }
    AddTo(call, scale);
  }

  // A half without units adds its bias to every row.
  void AddBias(const at::Tensor& dense_bias, const at::Tensor& scale,
               const Correction* correction) {
    const float* bias = Data(correction != nullptr ? correction->bias : dense_bias);
    const float* factor = Data(scale);
    const int64_t width = config_.embed_dim;
    for (int64_t row = 0; row < rows(); ++row) {
      float* x = work_.x.data() + row * width;
      for (int64_t i = 0; i < width; ++i) x[i] += factor == nullptr ? bias[i] : factor[i] * bias[i];
    }
  }

  void AddAttention(int index) {
    const Block& block = state_.blocks[index];
    const int heads = view_.heads[index];
    const Correction* correction = state_.Find(config_.depth + index, heads);
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
    AttentionCall call;
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

  bool Placed(const Block& block) const {
    return state_.rotary.cos.defined() || block.query_norm.weight.defined();
  }

  // Queries only of the first tokens, if heads and panels lie so that they can be left out.
  void ComputeQkv(const Block& block, int64_t width, int64_t queries) const {
    const int64_t stride = Even(config_.embed_dim);
    GemmCall call = Product(block.qkv, work_.input.data(), stride, config_.embed_dim, width);
    call.bias = Data(block.qkv_bias);
    call.out = work_.qkv.data();
    call.out_stride = width;
    const bool apart =
        queries < tokens_ && config_.head_dim == PackedMatrix::kPanel && !Placed(block);
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

  void Place(const Block& block, int heads) const {
    if (!Placed(block)) return;
    PositionCall call;
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
    const Block& block = state_.blocks[index];
    const int64_t channels = view_.channels[index];
    const Correction* correction = state_.Find(index, static_cast<int>(channels));
    if (channels == 0) return AddBias(block.fc2_bias, block.scale2, correction);
    NormInput(block.norm2);
    work_.units.Reserve(rows() * Even(channels));
    GemmCall call = Product(block.fc1, work_.input.data(), Even(config_.embed_dim),
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

  const State& state_;
  const VitConfig& config_;
  const Kernels& kernels_;
  const KeepCounts& view_;
  const int64_t images_;
  const int64_t first_tokens_;
  const Parallel& parallel_;
  Workspace& work_;
  int64_t tokens_ = config_.tokens();  // of an image in the stream
};

PackedModel::PackedModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
PackedModel::~PackedModel() = default;

bool PackedModel::Supports(const VitConfig& config) {
  return CpuKernels() != nullptr && config.head_dim % 2 == 0 && config.head_dim <= 128;
}

absl::StatusOr<std::unique_ptr<PackedModel>> PackedModel::Create(const PermutedWeights& weights,
                                                                 const CorrectionSet& corrections) {
  return Guard([&]() -> absl::StatusOr<std::unique_ptr<PackedModel>> {
    const VitConfig& config = weights.config;
    auto state = std::make_unique<State>();
    state->config = config;
    state->kernels = CpuKernels();
    state->patch = PackRowsIn(weights.patch_weight);
    state->start = at::zeros({config.tokens(), config.embed_dim});
    const int64_t prefix = config.prefix_tokens();
    state->start.narrow(0, prefix, config.patches()).add_(weights.patch_bias.to(at::kFloat));
    if (prefix > 0) state->start.narrow(0, 0, prefix).add_(weights.prefix[0]);
    if (weights.position_embedding.defined()) state->start.add_(weights.position_embedding[0]);
    state->norm_before = weights.norm_before;
    state->norm = weights.head.norm;
    state->rotary = weights.rotary;
    for (const PermutedBlock& block : weights.blocks) {
      state->blocks.push_back(PackBlock(config, block));
    }
    for (const auto& [key, from] : corrections.all()) {
      Correction& correction = state->corrections[key];
      correction.bias = Float(from.bias);
      if (!from.in.defined()) continue;
      correction.in = PackRowsIn(from.in, PackedMatrix::kNarrowPanel);
      correction.out = PackRowsIn(from.out);
    }
    return std::unique_ptr<PackedModel>(new PackedModel(std::move(state)));
  });
}

at::Tensor PackedModel::Tokens(const KeepCounts& view, const at::Tensor& pixels,
                               int64_t first_tokens) const {
  const at::Tensor contiguous = pixels.contiguous();
  at::Tensor tokens =
      at::empty({pixels.size(0), first_tokens, state_->config.embed_dim}, at::kFloat);
  const int threads = at::get_num_threads();
  const auto run = [threads](absl::FunctionRef<void(int)> task) { RunOnOpenMp(threads, task); };
  Pass(*state_, view, pixels.size(0), first_tokens, {run, threads}).Run(contiguous, tokens);
  return tokens;
}

size_t PackedModel::weight_bytes() const {
  size_t bytes = state_->patch.bytes() + state_->start.nbytes();
  for (const Block& block : state_->blocks) {
    for (const PackedMatrix* matrix : {&block.qkv, &block.proj, &block.fc1, &block.fc2}) {
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

size_t PackedModel::correction_bytes() const {
  size_t bytes = 0;
  for (const auto& [key, correction] : state_->corrections) {
    bytes += correction.bias.nbytes() + correction.in.bytes() + correction.out.bytes();
  }
  return bytes;
}

}  // namespace snapvit
