// The CPU engine's kernels as tables of functions, one table per instruction set and element type.
// Activations and weights are of type T, bf16 or f32; sums, norms, softmax and the residual stream
// are f32. Beside them, tables of what is done with int8.
#ifndef SNAPVIT_CORE_KERNELS_KERNELS_H_
#define SNAPVIT_CORE_KERNELS_KERNELS_H_

#include <cstdint>
#include <span>
#include <type_traits>

#include "core/kernels/compact_matrix.h"
#include "core/kernels/packed_matrix.h"
#include "core/kernels/parallel.h"

namespace snapvit {

enum class GemmActivation { kNone, kGelu, kGeluTanh, kQuickGelu, kSilu };

// In place of T: products of int8 rows and int8 weights, whose results are of T.
template <typename T>
struct Int8 {};

// What a product is of, and of what its results are.
template <typename T>
struct GemmTypes {
  using Operand = T;
  using Result = T;
};
template <typename T>
struct GemmTypes<Int8<T>> {
  using Operand = int8_t;
  using Result = T;
};
template <typename T>
using OperandOf = typename GemmTypes<T>::Operand;
template <typename T>
using ResultOf = typename GemmTypes<T>::Result;
template <typename T>
inline constexpr bool kIsInt8 = std::is_same_v<OperandOf<T>, int8_t>;

// Rows, `stride` elements apart, each of as many elements as the matrix has inputs, and zeros up to
// the end of a word (of two bf16). `stride` is a whole number of words unless there is one row.
template <typename T>
struct GemmRows {
  const T* data = nullptr;
  int64_t stride = 0;
};

// A row of int8 stands for scale·(its elements).
struct RowScale {
  float scale = 0;
  // 128·(the sum of the elements): what a product has too much, as weights are kept 128 too large
  // (packed_matrix.h).
  int32_t excess = 0;
};

template <>
struct GemmRows<int8_t> {
  const int8_t* data = nullptr;
  int64_t stride = 0;
  const RowScale* scales = nullptr;  // `scale_stride` apart
  int64_t scale_stride = 1;
};

// out = f(rows·weights + more_rows·more_weights + bias), of the first `inputs` inputs and `outputs`
// outputs of `weights`. T: BFloat16Bits, float, or Int8 of them.
template <typename T>
struct GemmCall {
  GemmRows<OperandOf<T>> rows;
  int64_t row_count = 0;
  const PackedMatrix<OperandOf<T>>* weights = nullptr;
  int64_t inputs = 0;
  int64_t outputs = 0;
  // Of int8: [outputs], what a weight of that output is multiplied with; of a gated layer the
  // values'.
  const float* weight_scales = nullptr;
  const float* gate_weight_scales = nullptr;
  // A second product that is added, of all outputs: low-rank corrections. Null: none. Not with
  // gates, not of int8.
  GemmRows<OperandOf<T>> more_rows;
  const PackedMatrix<OperandOf<T>>* more_weights = nullptr;
  int64_t more_inputs = 0;

  // Of every `period` panels only those from `from` up to `until` (of a head's q, k and v, say).
  int period = 1, from = 0, until = 1;
  bool LeavesOut(int64_t panel) const { return panel % period < from || panel % period >= until; }

  const float* bias = nullptr;  // [outputs] or null; of a gated layer the values'
  const float* gate_bias = nullptr;
  GemmActivation activation = GemmActivation::kNone;  // of the gates, if there are some

  // Exactly one of both. Rows of T, or f32 rows to which scale·(the result) is added (no scale: 1).
  ResultOf<T>* out = nullptr;
  float* residual = nullptr;
  const float* scale = nullptr;  // [outputs]
  int64_t out_stride = 0;
};

// Calls of the same weights that share what is read of them, at most.
inline constexpr int kMostCalls = 8;

// Components of a head, at most.
inline constexpr int kLargestHead = 128;

// qkv: a row per token; of head h the query is at h·3·head_dim, then its key, then its value.
template <typename T>
struct AttentionCall {
  const T* qkv = nullptr;
  int64_t stride = 0;
  int images = 0;
  int tokens = 0;
  int heads = 0;
  int head_dim = 0;  // even, up to 128
  int queries = 0;   // of each image, its first ones: only their rows are computed
  T* out = nullptr;  // [images·queries, heads·head_dim]
  int64_t out_stride = 0;
};

template <typename T>
struct LayerNormCall {
  const float* x = nullptr;
  int64_t stride = 0;
  int64_t rows = 0;
  int dim = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;
  double eps = 0;
  // One of both: rows of T (of bf16 an odd dim is followed by a zero), or f32 rows, which may be x
  // itself.
  T* out = nullptr;
  float* out_f32 = nullptr;
  int64_t out_stride = 0;
};

// What is done to queries and keys before attention: a norm of each head, and a rotation by place.
template <typename T>
struct PositionCall {
  T* qkv = nullptr;  // as in AttentionCall, changed in place
  int64_t stride = 0;
  int images = 0, tokens = 0, heads = 0, head_dim = 0;
  const float *query_weight = nullptr, *query_bias = nullptr;  // [head_dim] or null
  const float *key_weight = nullptr, *key_bias = nullptr;
  double eps = 0;
  const float *cos = nullptr, *sin = nullptr;  // [tokens, head_dim] or null
};

// All functions return when the work is done. Thread-safe.
template <typename T>
struct Kernels {
  const char* instruction_set;  // "AVX2", say
  // Rows of a pass on one thread, about: enough to make use of weights that are in the cache, few
  // enough to stay there themselves.
  int64_t rows_alone;
  // Calls of the same weights, one or some up to kMostCalls: of images of different views, say.
  // Each panel is read once for all of them; what is computed does not depend on what else is.
  void (*gemm)(std::span<const GemmCall<T>> calls, const Parallel& parallel);
  void (*attention)(const AttentionCall<T>& call, const Parallel& parallel);
  void (*layer_norm)(const LayerNormCall<T>& call, const Parallel& parallel);
  void (*position)(const PositionCall<T>& call, const Parallel& parallel);
  // From f32; to bf16 to nearest even.
  void (*convert)(const float* in, int64_t count, T* out);
  // `to` becomes the whole matrix.
  void (*expand)(const CompactMatrix<T>& from, PackedMatrix<T>& to);
};

// All tables for T (BFloat16Bits, float) that this processor runs, the fastest first.
template <typename T>
std::span<const Kernels<T>* const> AllCpuKernels();
template <>
std::span<const Kernels<BFloat16Bits>* const> AllCpuKernels();
template <>
std::span<const Kernels<float>* const> AllCpuKernels();

// Where rows become int8. `stride`: a multiple of 64, no less than the row's elements, which are
// followed by zeros.
struct Int8Rows {
  int8_t* data = nullptr;
  int64_t stride = 0;
  RowScale* scales = nullptr;
};

// Rows of T, of `inputs` elements each, `stride` apart.
template <typename T>
struct QuantizeCall {
  const T* rows = nullptr;
  int64_t stride = 0;
  int64_t row_count = 0;
  int64_t inputs = 0;
  Int8Rows out;
};

// What a processor does with int8, beside the functions of a Kernels<T>. Each row has a scale of
// its own, so that its largest magnitude becomes 127; a row with a NaN or an infinity gives NaNs.
// Thread-safe.
template <typename T>
struct Int8Kernels {
  const char* instruction_set;
  void (*gemm)(std::span<const GemmCall<Int8<T>>> calls, const Parallel& parallel);
  // The norm's rows, from f32 straight to int8. `out` and `out_f32` of the call are not used.
  void (*layer_norm)(const LayerNormCall<T>& call, const Int8Rows& out, const Parallel& parallel);
  void (*quantize)(const QuantizeCall<T>& call, const Parallel& parallel);
};

// All tables for results of T that this processor runs, the fastest first. Where there is one,
// there is one of AllCpuKernels<T>().
template <typename T>
std::span<const Int8Kernels<T>* const> AllCpuInt8Kernels();
template <>
std::span<const Int8Kernels<BFloat16Bits>* const> AllCpuInt8Kernels();
template <>
std::span<const Int8Kernels<float>* const> AllCpuInt8Kernels();

// The fastest; null on processors that have none.
template <typename T>
const Kernels<T>* CpuKernels() {
  const auto all = AllCpuKernels<T>();
  return all.empty() ? nullptr : all.front();
}
template <typename T>
const Int8Kernels<T>* CpuInt8Kernels() {
  const auto all = AllCpuInt8Kernels<T>();
  return all.empty() ? nullptr : all.front();
}

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_KERNELS_H_
