#include "core/elastic/packed_pass.h"

#include <algorithm>

#include "core/elastic/packed_calls.h"
#include "core/elastic/packed_workspace.h"
#include "core/elastic/structure.h"
#include "core/kernels/kernels.h"

namespace snapvit {
namespace {

// Zeros behind an odd number of columns: the kernels read pairs.
template <typename T>
void ClearColumn(T* data, int64_t rows, int64_t stride, int64_t column) {
  if (column >= stride) return;
  for (int64_t row = 0; row < rows; ++row) data[row * stride + column] = 0;
}

// Neighbouring images of one view, in a pass.
struct PassGroup {
  const KeepCounts* view = nullptr;
  int64_t first = 0, count = 0;  // images
};

// One forward pass. W as in PackedWeights.
template <typename W>
class Pass {
  using T = ResultOf<W>;

 public:
  Pass(const PackedWeights<W>& weights, std::span<const PassImage> images, int64_t first_tokens,
       const Parallel& parallel)
      : weights_(weights),
        config_(weights.config),
        kernels_(*CpuKernels<T>()),
        int8_(kIsInt8<W> ? CpuInt8Kernels<T>() : nullptr),
        images_(images),
        image_count_(static_cast<int64_t>(images.size())),
        first_tokens_(first_tokens),
        parallel_(parallel),
        work_(ThreadWorkspace<W>()) {
    for (int64_t i = 0; i < image_count_; ++i) {
      if (i == 0 || images[i].view != images[i - 1].view) {
        all_groups_[group_count_++] = {images[i].view, i, 0};
      }
      ++all_groups_[group_count_ - 1].count;
    }
  }

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
  std::span<const PassGroup> groups() const { return {all_groups_, group_count_}; }

  // Rows of the residual stream: of all tokens, and from the attention of the last block on of
  // those that are wanted.
  int64_t rows() const { return image_count_ * tokens_; }

  // A half of a block: its units, and what turns them into outputs.
  struct Half {
    int block;
    std::vector<int> KeepCounts::*keeps;
    int structure;       // of its corrections
    int64_t width;       // of a unit
    int64_t most_units;  // [rows, most_units] is what a view with all of them has
    const LayerMatrix<W>& weights;
    const at::Tensor& bias;
    const at::Tensor& scale;

    int Keep(const PassGroup& group) const { return (group.view->*keeps)[block]; }
  };

  // Where a group's rows are. Those of heads or channels lie together as its view has some, in room
  // for all.
  GemmRows<OperandOf<W>> Input(const PassGroup& group) const {
    const int64_t first = group.first * tokens_;
    if constexpr (kIsInt8<W>) {
      return work_.int8_input.Rows(first, config_.embed_dim);
    } else {
      const int64_t stride = Even(config_.embed_dim);
      return {work_.input.data() + first * stride, stride};
    }
  }
  float* X(const PassGroup& group) const {
    return work_.x.data() + group.first * tokens_ * config_.embed_dim;
  }
  T* Qkv(const PassGroup& group) const {
    return work_.half.data() + (image_count_ + 3 * group.first) * config_.tokens() * HeadWidth();
  }
  T* Units(const Half& half, const PassGroup& group) const {
    return work_.half.data() + group.first * config_.tokens() * half.most_units;
  }
  int64_t HeadWidth() const { return int64_t{config_.num_heads} * config_.head_dim; }

  // x = start + patches·weight. Rows of prefix tokens have patches of zeros.
  void Embed() {
    const int64_t patch = config_.patch_size, width = config_.embed_dim;
    const int64_t stride = Even(3 * patch * patch);
    work_.x.Reserve(rows() * width);
    work_.half.Reserve(rows() * std::max(4 * HeadWidth(), Even(config_.mlp_hidden)));
    work_.input.Reserve(rows() * std::max(stride, Even(width)));
    if constexpr (kIsInt8<W>) {
      work_.int8_input.Reserve(rows(), width);
      work_.int8_units.Reserve(rows(), std::max(HeadWidth(), Even(config_.mlp_hidden)));
    }
    parallel_.run([&](int thread) {
      const int64_t end = rows() * (thread + 1) / parallel_.threads;
      for (int64_t row = rows() * thread / parallel_.threads; row < end; ++row) {
        std::copy_n(Data(weights_.start) + row % tokens_ * width, width,
                    work_.x.data() + row * width);
        TakePatch(images_[row / tokens_].pixels, row % tokens_, work_.input.data() + row * stride);
      }
    });
    GemmCall<T> call = Product<T>(weights_.patch, 3 * patch * patch, width);
    call.rows = {work_.input.data(), stride};
    call.row_count = rows();
    call.residual = work_.x.data();
    call.out_stride = width;
    Multiply({&call, 1});
  }

  // The pixels of a token as T, of a prefix token zeros, up to an even number.
  void TakePatch(const float* pixels, int64_t token, T* out) const {
    const int64_t patch = config_.patch_size, columns = config_.grid_width();
    const int64_t size = 3 * patch * patch;
    if (token < config_.prefix_tokens()) {
      std::fill_n(out, Even(size), 0);
      return;
    }
    const int64_t i = (token - config_.prefix_tokens()) / columns;
    const int64_t j = (token - config_.prefix_tokens()) % columns;
    for (int64_t channel = 0; channel < 3; ++channel) {
      const float* plane =
          pixels + channel * config_.image_height * static_cast<int64_t>(config_.image_width);
      for (int64_t y = 0; y < patch; ++y, out += patch) {
        kernels_.convert(plane + (i * patch + y) * config_.image_width + j * patch, patch, out);
      }
    }
    if (Even(size) > size) *out = 0;
  }

  void NormStream(const Norm& norm) const {
    LayerNormCall<T> call = NormCall(norm);
    call.out_f32 = work_.x.data();
    call.out_stride = config_.embed_dim;
    kernels_.layer_norm(call, parallel_);
  }

  // The input of a half of a block, [rows, D].
  void NormInput(const Norm& norm) {
    LayerNormCall<T> call = NormCall(norm);
    if constexpr (kIsInt8<W>) {
      int8_->layer_norm(call, work_.int8_input.Out(0, config_.embed_dim), parallel_);
    } else {
      call.out = work_.input.data();
      call.out_stride = Even(config_.embed_dim);
      kernels_.layer_norm(call, parallel_);
    }
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

  void Multiply(std::span<const GemmCall<T>> calls) const {
    if (!calls.empty()) kernels_.gemm(calls, parallel_);
  }
  void Multiply(std::span<const GemmCall<Int8<T>>> calls) const {
    if (!calls.empty()) int8_->gemm(calls, parallel_);
  }

  // Of what the last norm gave for a group.
  GemmCall<W> InputProduct(const LayerMatrix<W>& layer, const PassGroup& group,
                           int64_t outputs) const {
    GemmCall<W> call = LayerProduct(layer, config_.embed_dim, outputs);
    call.rows = Input(group);
    call.row_count = group.count * tokens_;
    return call;
  }

  // Of a group's units, which become int8 if the layer is.
  GemmCall<W> UnitProduct(const Half& half, const PassGroup& group, int64_t units) {
    GemmCall<W> call = LayerProduct(half.weights, units, config_.embed_dim);
    call.row_count = group.count * tokens_;
    if constexpr (kIsInt8<W>) {
      // As far apart as the view with the most units may have them.
      const int64_t first = group.first * config_.tokens();
      int8_->quantize({Units(half, group), Even(units), call.row_count, units,
                       work_.int8_units.Out(first, half.most_units)},
                      parallel_);
      call.rows = work_.int8_units.Rows(first, half.most_units);
    } else {
      call.rows = {Units(half, group), Even(units)};
    }
    return call;
  }

  bool AnyUnits(const Half& half) const {
    return std::any_of(groups().begin(), groups().end(),
                       [&](const PassGroup& group) { return half.Keep(group) > 0; });
  }

  // x += scale·(units·weights + corrections + bias)
  void AddOutputs(const Half& half) {
    Calls<W> calls;
    for (size_t i = 0; i < group_count_; ++i) {
      const PassGroup& group = all_groups_[i];
      const int keep = half.Keep(group);
      const PackedCorrection<T>* correction = weights_.Find(half.structure, keep);
      const float* bias = Data(correction != nullptr ? correction->bias : half.bias);
      if (keep == 0) {
        AddBias(group, bias, Data(half.scale));
        continue;
      }
      const int64_t units = keep * half.width;
      GemmCall<W>& call = calls.Add(UnitProduct(half, group, units));
      call.bias = bias;
      call.scale = Data(half.scale);
      call.residual = X(group);
      call.out_stride = config_.embed_dim;
      if (correction == nullptr || correction->in.empty()) continue;
      GemmCall<T> low_rank =
          LowRank(*correction, half, group, units, work_.low[i], work_.tables_out[i]);
      if constexpr (kIsInt8<W>) {  // whose sums are no f32 that could be added to
        low_rank.scale = call.scale;
        low_rank.residual = call.residual;
        low_rank.out_stride = call.out_stride;
        Multiply({&low_rank, 1});
      } else {
        call.more_rows = low_rank.rows;
        call.more_weights = low_rank.weights;
        call.more_inputs = low_rank.inputs;
      }
    }
    Multiply(calls.all());
  }

  // Computes the first factor's product, and says what the second's is.
  GemmCall<T> LowRank(const PackedCorrection<T>& correction, const Half& half,
                      const PassGroup& group, int64_t units, AlignedVector<T>& low,
                      PackedMatrix<T>& table_out) {
    kernels_.expand(correction.in, work_.table_in);
    kernels_.expand(correction.out, table_out);
    const int64_t rank = correction.in.outputs(), stride = Even(rank);
    const int64_t row_count = group.count * tokens_;
    low.Reserve(row_count * stride);
    GemmCall<T> first = Product<T>(work_.table_in, units, rank);
    first.rows = {Units(half, group), Even(units)};
    first.row_count = row_count;
    first.out = low.data();
    first.out_stride = stride;
    Multiply({&first, 1});
    ClearColumn(low.data(), row_count, stride, rank);
    GemmCall<T> second = Product<T>(table_out, rank, config_.embed_dim);
    second.rows = {low.data(), stride};
    second.row_count = row_count;
    return second;
  }

  // Of a half without units, to every row.
  void AddBias(const PassGroup& group, const float* bias, const float* scale) {
    const int64_t width = config_.embed_dim;
    float* x = X(group);
    for (int64_t row = 0; row < group.count * tokens_; ++row, x += width) {
      for (int64_t i = 0; i < width; ++i) x[i] += scale == nullptr ? bias[i] : scale[i] * bias[i];
    }
  }

  void AddAttention(int index) {
    const PackedBlock<W>& block = weights_.blocks[index];
    const Half half = {.block = index,
                       .keeps = &KeepCounts::heads,
                       .structure = config_.depth + index,
                       .width = config_.head_dim,
                       .most_units = HeadWidth(),
                       .weights = block.proj,
                       .bias = block.proj_bias,
                       .scale = block.scale1};
    const bool last = index + 1 == config_.depth;
    const int64_t queries = last ? first_tokens_ : tokens_;
    if (AnyUnits(half)) {
      NormInput(block.norm1);
      ComputeQkv(block, half, queries);
    }
    for (const PassGroup& group : groups()) {
      const int heads = half.Keep(group);
      if (heads == 0) continue;
      Place(block, group, heads);
      AttentionCall<T> call;
      call.qkv = Qkv(group);
      call.stride = 3 * heads * half.width;
      call.images = static_cast<int>(group.count);
      call.tokens = static_cast<int>(tokens_);
      call.heads = heads;
      call.head_dim = config_.head_dim;
      call.queries = static_cast<int>(queries);
      call.out = Units(half, group);
      call.out_stride = heads * half.width;
      kernels_.attention(call, parallel_);
    }
    if (last) KeepFirstTokens();
    AddOutputs(half);
  }

  bool Placed(const PackedBlock<W>& block) const {
    return weights_.rotary.cos.defined() || block.query_norm.weight.defined();
  }

  // Queries only of the first tokens, if heads and panels lie so that they can be left out.
  void ComputeQkv(const PackedBlock<W>& block, const Half& half, int64_t queries) const {
    const bool apart = queries < tokens_ && config_.head_dim == kPanel && !Placed(block);
    Calls<W> calls;
    for (const PassGroup& group : groups()) {
      const int64_t width = 3 * half.width * half.Keep(group);
      if (width == 0) continue;
      GemmCall<W>& call = calls.Add(InputProduct(block.qkv, group, width));
      call.bias = Data(block.qkv_bias);
      call.out = Qkv(group);
      call.out_stride = width;
      if (!apart) continue;
      call.period = 3;
      call.from = 1;
      call.until = 3;
    }
    Multiply(calls.all());
    for (int64_t token = 0; apart && token < queries; ++token) {
      ComputeQueries(block, half, token);
    }
  }

  // Of one token of each image.
  void ComputeQueries(const PackedBlock<W>& block, const Half& half, int64_t token) const {
    Calls<W> calls;
    for (const PassGroup& group : groups()) {
      const int64_t width = 3 * half.width * half.Keep(group);
      if (width == 0) continue;
      GemmCall<W>& call = calls.Add(InputProduct(block.qkv, group, width));
      call.rows = EveryOf(call.rows, token, tokens_);
      call.row_count = group.count;
      call.bias = Data(block.qkv_bias);
      call.out = Qkv(group) + token * width;
      call.out_stride = tokens_ * width;
      call.period = 3;
    }
    Multiply(calls.all());
  }

  void Place(const PackedBlock<W>& block, const PassGroup& group, int heads) const {
    if (!Placed(block)) return;
    PositionCall<T> call;
    call.qkv = Qkv(group);
    call.stride = int64_t{3} * heads * config_.head_dim;
    call.images = static_cast<int>(group.count);
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
    const PackedBlock<W>& block = weights_.blocks[index];
    const Half half = {.block = index,
                       .keeps = &KeepCounts::channels,
                       .structure = index,
                       .width = 1,
                       .most_units = Even(config_.mlp_hidden),
                       .weights = block.fc2,
                       .bias = block.fc2_bias,
                       .scale = block.scale2};
    if (AnyUnits(half)) NormInput(block.norm2);
    Calls<W> calls;
    for (const PassGroup& group : groups()) {
      const int channels = half.Keep(group);
      if (channels == 0) continue;
      GemmCall<W>& call = calls.Add(InputProduct(block.fc1, group, channels));
      call.bias = Data(block.fc1_bias);
      call.gate_bias = Data(block.gate_bias);
      call.activation = ActivationOf(config_.block.activation);
      call.out = Units(half, group);
      call.out_stride = Even(channels);
    }
    Multiply(calls.all());
    for (const PassGroup& group : groups()) {
      const int channels = half.Keep(group);
      ClearColumn(Units(half, group), group.count * tokens_, Even(channels), channels);
    }
    AddOutputs(half);
  }

  const PackedWeights<W>& weights_;
  const VitConfig& config_;
  const Kernels<T>& kernels_;
  const Int8Kernels<T>* const int8_;  // null unless W is of int8
  const std::span<const PassImage> images_;
  const int64_t image_count_;
  const int64_t first_tokens_;
  const Parallel& parallel_;
  Workspace<W>& work_;
  PassGroup all_groups_[kMostViews];
  size_t group_count_ = 0;
  int64_t tokens_ = config_.tokens();  // of an image in the stream
};

}  // namespace

template <typename W>
void RunPackedPass(const PackedWeights<W>& weights, std::span<const PassImage> images,
                   int64_t first_tokens, const Parallel& parallel) {
  Pass<W>(weights, images, first_tokens, parallel).Run();
}

template void RunPackedPass(const PackedWeights<BFloat16Bits>&, std::span<const PassImage>, int64_t,
                            const Parallel&);
template void RunPackedPass(const PackedWeights<float>&, std::span<const PassImage>, int64_t,
                            const Parallel&);
template void RunPackedPass(const PackedWeights<Int8<BFloat16Bits>>&, std::span<const PassImage>,
                            int64_t, const Parallel&);
template void RunPackedPass(const PackedWeights<Int8<float>>&, std::span<const PassImage>, int64_t,
                            const Parallel&);

}  // namespace snapvit
