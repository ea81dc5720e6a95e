#include "core/kernels/kernels_avx512_bf16.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

// Everything below is compiled for these processors, everything above (inline functions of headers,
// which other files share) for all.
#if defined(__clang__)
#pragma clang attribute push(                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")
#endif

namespace snapvit {
namespace {

constexpr int kLanes = 16;                                    // f32 values of a register
constexpr int kPanelVectors = PackedMatrix::kPanel / kLanes;  // 4
// Rows of one tile: with four vectors of outputs 24 of the 32 registers are sums, 4 weights, the
// rest for the row's values.
constexpr int kTileRows = 6;
// Rows that a thread takes through all panels before the next ones: as many as stay in its cache.
constexpr int64_t kBlockRows = 192;

__mmask16 FirstLanes(int64_t count) {
  if (count >= kLanes) return 0xFFFF;
  return count <= 0 ? 0 : static_cast<__mmask16>((1U << count) - 1);
}

// Stores of f32 as bf16, to nearest even, of the lanes of `mask`.
void StoreBf16(BFloat16Bits* out, __mmask16 mask, __m512 x) {
  _mm256_mask_storeu_epi16(out, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}

// ---------------------------------------------------------------------------------------------
// Functions of 16 values

// 2^x by the Taylor series of the part after the point, to the power `kDegree`: relative error
// below 3e-6 for 5, 2e-7 for 6. 0 and infinity beyond the range.
template <int kDegree>
__m512 Exp2(__m512 x) {
  constexpr float kTerms[] = {1.0F,          6.9314718e-1F, 2.4022651e-1F, 5.5504109e-2F,
                              9.6181291e-3F, 1.3333558e-3F, 1.5403530e-4F};
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(kTerms[kDegree]);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kTerms[kDegree - 1]));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kTerms[kDegree - 2]));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kTerms[kDegree - 3]));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kTerms[kDegree - 4]));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kTerms[kDegree - 5]));
  if constexpr (kDegree == 6) p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kTerms[0]));
  return _mm512_scalef_ps(p, n);
}

constexpr float kLog2E = 1.44269504F;

// 1/x, x > 0 and finite; relative error about 1e-7.
__m512 Reciprocal(__m512 x) {
  const __m512 y = _mm512_rcp14_ps(x);
  return _mm512_mul_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(2)));
}

// erf(x) by Abramowitz & Stegun 7.1.26: absolute error below 2e-7.
__m512 Erf(__m512 x) {
  const __m512 sign = _mm512_and_ps(x, _mm512_set1_ps(-0.0F));
  const __m512 a = _mm512_andnot_ps(_mm512_set1_ps(-0.0F), x);
  const __m512 t = Reciprocal(_mm512_fmadd_ps(a, _mm512_set1_ps(0.3275911F), _mm512_set1_ps(1)));
  __m512 p = _mm512_set1_ps(1.061405429F);
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-1.453152027F));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(1.421413741F));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.284496736F));
  p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.254829592F));
  const __m512 e = Exp2<6>(_mm512_mul_ps(_mm512_mul_ps(a, a), _mm512_set1_ps(-kLog2E)));
  return _mm512_or_ps(_mm512_fnmadd_ps(_mm512_mul_ps(p, t), e, _mm512_set1_ps(1)), sign);
}

// x·sigmoid(u)
__m512 TimesSigmoid(__m512 x, __m512 u) {
  // Not beyond 2^126, whose reciprocal is still a normal number.
  const __m512 power =
      _mm512_min_ps(_mm512_mul_ps(u, _mm512_set1_ps(-kLog2E)), _mm512_set1_ps(126));
  const __m512 e = Exp2<6>(power);
  return _mm512_mul_ps(x, Reciprocal(_mm512_add_ps(e, _mm512_set1_ps(1))));
}

__m512 Activate(GemmActivation activation, __m512 x) {
  switch (activation) {
    case GemmActivation::kNone:
      return x;
    case GemmActivation::kGelu: {
      const __m512 half = _mm512_mul_ps(x, _mm512_set1_ps(0.5F));
      return _mm512_fmadd_ps(half, Erf(_mm512_mul_ps(x, _mm512_set1_ps(0.70710678F))), half);
    }
    case GemmActivation::kGeluTanh: {  // (1 + tanh(v))/2 = sigmoid(2·v)
      const __m512 cube = _mm512_mul_ps(_mm512_mul_ps(x, x), x);
      const __m512 v = _mm512_fmadd_ps(cube, _mm512_set1_ps(0.044715F), x);
      return TimesSigmoid(x, _mm512_mul_ps(v, _mm512_set1_ps(1.5957691216F)));
    }
    case GemmActivation::kQuickGelu:
      return TimesSigmoid(x, _mm512_mul_ps(x, _mm512_set1_ps(1.702F)));
    case GemmActivation::kSilu:
      return TimesSigmoid(x, x);
  }
  return x;
}

// ---------------------------------------------------------------------------------------------
// Matrix product

// Sums of R rows and V registers of outputs. Panels are kWidth words wide.
template <int R, int V, int kWidth = PackedMatrix::kPanel>
struct Tile {
  __m512 sum[R][V];

  void Clear() {
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) sum[r][v] = _mm512_setzero_ps();
    }
  }

  // Adds rows·panel. `a`: words of two bf16, rows `stride` elements apart; `b`: `pairs` rows.
  void Add(const BFloat16Bits* a, int64_t stride, const uint32_t* b, int64_t pairs) {
    __m512 local[R][V];  // in registers: compilers do not keep members there
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) local[r][v] = sum[r][v];
    }
    for (int64_t k = 0; k < pairs; ++k, a += 2, b += kWidth) {
      __m512bh weights[V];
      for (int v = 0; v < V; ++v) {
        weights[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + v * kLanes));
      }
      for (int r = 0; r < R; ++r) {
        int pair;
        std::memcpy(&pair, a + r * stride, sizeof(pair));
        const auto value = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
        for (int v = 0; v < V; ++v) {
          local[r][v] = _mm512_dpbf16_ps(local[r][v], value, weights[v]);
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) sum[r][v] = local[r][v];
    }
  }
};

// One panel of a call, for some rows.
struct PanelWork {
  const GemmCall& call;
  int64_t panel;
  int64_t first_output;  // of the panel
  int valid;             // outputs of the panel that are wanted

  const BFloat16Bits* Row(int64_t row) const { return call.rows.data + row * call.rows.stride; }
};

__m512 LoadOr(const float* values, int64_t first, __mmask16 mask, float otherwise) {
  return values == nullptr ? _mm512_set1_ps(otherwise)
                           : _mm512_maskz_loadu_ps(mask, values + first);
}

template <int R, int V, int kWidth>
void Accumulate(const PanelWork& work, int64_t row, Tile<R, V, kWidth>& tile) {
  const GemmCall& call = work.call;
  tile.Clear();
  tile.Add(work.Row(row), call.rows.stride, call.weights->panel(work.panel), (call.inputs + 1) / 2);
  if (call.more_weights != nullptr) {
    tile.Add(call.more_rows.data + row * call.more_rows.stride, call.more_rows.stride,
             call.more_weights->panel(work.panel), (call.more_inputs + 1) / 2);
  }
}

template <int R, int V, int kWidth = PackedMatrix::kPanel>
void RunTile(const PanelWork& work, int64_t row) {
  const GemmCall& call = work.call;
  Tile<R, V, kWidth> tile;
  Accumulate(work, row, tile);
  for (int v = 0; v < V; ++v) {
    const int64_t first = work.first_output + v * kLanes;
    const __mmask16 mask = FirstLanes(work.valid - v * kLanes);
    const __m512 bias = LoadOr(call.bias, first, mask, 0);
    if (call.out != nullptr) {
      for (int r = 0; r < R; ++r) {
        StoreBf16(call.out + (row + r) * call.out_stride + first, mask,
                  Activate(call.activation, _mm512_add_ps(tile.sum[r][v], bias)));
      }
      continue;
    }
    const __m512 scale = LoadOr(call.scale, first, mask, 1);
    for (int r = 0; r < R; ++r) {
      float* x = call.residual + (row + r) * call.out_stride + first;
      const __m512 y = Activate(call.activation, _mm512_add_ps(tile.sum[r][v], bias));
      _mm512_mask_storeu_ps(x, mask, _mm512_fmadd_ps(y, scale, _mm512_maskz_loadu_ps(mask, x)));
    }
  }
}

// A panel of 32 gates and their 32 values.
template <int R>
void RunGatedTile(const PanelWork& work, int64_t row) {
  constexpr int kHalf = kPanelVectors / 2;
  const GemmCall& call = work.call;
  Tile<R, kPanelVectors> tile;
  Accumulate(work, row, tile);
  for (int v = 0; v < kHalf; ++v) {
    const int64_t first = work.first_output + v * kLanes;
    const __mmask16 mask = FirstLanes(work.valid - v * kLanes);
    const __m512 gate_bias = LoadOr(call.gate_bias, first, mask, 0);
    const __m512 bias = LoadOr(call.bias, first, mask, 0);
    for (int r = 0; r < R; ++r) {
      const __m512 gate = Activate(call.activation, _mm512_add_ps(tile.sum[r][v], gate_bias));
      const __m512 value = _mm512_add_ps(tile.sum[r][v + kHalf], bias);
      StoreBf16(call.out + (row + r) * call.out_stride + first, mask, _mm512_mul_ps(gate, value));
    }
  }
}

template <int R>
void RunTileRows(const PanelWork& work, int64_t row) {
  if (work.call.weights->gated()) return RunGatedTile<R>(work, row);
  if (work.call.weights->panel_width() == PackedMatrix::kNarrowPanel) {
    return RunTile<R, 1, PackedMatrix::kNarrowPanel>(work, row);
  }
  switch ((work.valid + kLanes - 1) / kLanes) {
    case 1:
      return RunTile<R, 1>(work, row);
    case 2:
      return RunTile<R, 2>(work, row);
    case 3:
      return RunTile<R, 3>(work, row);
    default:
      return RunTile<R, 4>(work, row);
  }
}

void RunRows(const PanelWork& work, int64_t row, int64_t rows) {
  switch (rows) {
    case 1:
      return RunTileRows<1>(work, row);
    case 2:
      return RunTileRows<2>(work, row);
    case 3:
      return RunTileRows<3>(work, row);
    case 4:
      return RunTileRows<4>(work, row);
    case 5:
      return RunTileRows<5>(work, row);
    default:
      return RunTileRows<6>(work, row);
  }
}

// Rows [begin, end) of panels [first_panel, last_panel).
void RunBlock(const GemmCall& call, int64_t begin, int64_t end, int64_t first_panel,
              int64_t last_panel) {
  const int width = call.weights->panel_outputs();
  for (int64_t block = begin; block < end; block += kBlockRows) {
    const int64_t block_end = std::min(end, block + kBlockRows);
    for (int64_t panel = first_panel; panel < last_panel; ++panel) {
      const int64_t place = panel % call.period;
      if (place < call.from || place >= call.until) continue;
      const int64_t first = panel * width;
      const PanelWork work = {call, panel, first,
                              static_cast<int>(std::min<int64_t>(width, call.outputs - first))};
      for (int64_t row = block; row < block_end; row += kTileRows) {
        RunRows(work, row, std::min<int64_t>(kTileRows, block_end - row));
      }
    }
  }
}

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

void Gemm(const GemmCall& call, const Parallel& parallel) {
  const int64_t panels = DivideUp(call.outputs, call.weights->panel_outputs());
  const int64_t tiles = DivideUp(call.row_count, kTileRows);
  const int threads = parallel.threads;
  if (threads == 1) return RunBlock(call, 0, call.row_count, 0, panels);
  // Threads share the rows or the outputs, whichever leaves less for the one with the most.
  const bool by_rows = DivideUp(tiles, threads) * panels <= tiles * DivideUp(panels, threads);
  const int64_t parts = by_rows ? tiles : panels;
  parallel.run([&](int thread) {
    const int64_t begin = parts * thread / threads, end = parts * (thread + 1) / threads;
    if (by_rows) {
      RunBlock(call, begin * kTileRows, std::min(end * kTileRows, call.row_count), 0, panels);
    } else {
      RunBlock(call, 0, call.row_count, begin, end);
    }
  });
}

// ---------------------------------------------------------------------------------------------
// Attention

// What one thread needs for one head of one image; kept between calls.
struct AttentionSpace {
  AlignedVector<uint32_t> keys;    // panels of 64 keys: [head_dim/2][64] pairs
  AlignedVector<uint32_t> values;  // panels of 64 components: [tokens/2][64] pairs of two tokens
  AlignedVector<float> scores;     // [kTileRows][tokens, whole panels]
  AlignedVector<BFloat16Bits> weights;  // the same in bf16
};

AttentionSpace& ThreadSpace() {
  thread_local AttentionSpace space;
  return space;
}

// One head of one image.
struct Head {
  const AttentionCall& call;
  const BFloat16Bits* query;
  const BFloat16Bits* key;
  const BFloat16Bits* value;
  BFloat16Bits* out;
  AttentionSpace& space;

  int pairs() const { return call.head_dim / 2; }
  int64_t padded_tokens() const {
    return DivideUp(call.tokens, PackedMatrix::kPanel) * PackedMatrix::kPanel;
  }
};

void PackKeys(const Head& head) {
  constexpr int64_t kPanel = PackedMatrix::kPanel;
  const int64_t pairs = head.pairs(), tokens = head.call.tokens;
  head.space.keys.Reserve(head.padded_tokens() * pairs);
  for (int64_t token = 0; token < head.padded_tokens(); ++token) {
    uint32_t* out = head.space.keys.data() + token / kPanel * pairs * kPanel + token % kPanel;
    if (token >= tokens) {
      for (int64_t pair = 0; pair < pairs; ++pair) out[pair * kPanel] = 0;
      continue;
    }
    const BFloat16Bits* in = head.key + token * head.call.stride;
    for (int64_t pair = 0; pair < pairs; ++pair) {
      std::memcpy(out + pair * kPanel, in + 2 * pair, sizeof(*out));
    }
  }
}

void PackValues(const Head& head) {
  constexpr int64_t kPanel = PackedMatrix::kPanel;
  const int64_t pairs = DivideUp(head.call.tokens, 2);
  const int64_t panels = DivideUp(head.call.head_dim, kPanel);
  head.space.values.Reserve(panels * pairs * kPanel);
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const BFloat16Bits* even = head.value + 2 * pair * head.call.stride;
    const BFloat16Bits* odd = even + head.call.stride;
    const bool has_odd = 2 * pair + 1 < head.call.tokens;
    for (int64_t d = 0; d < head.call.head_dim; d += kLanes) {
      const __mmask16 mask = FirstLanes(head.call.head_dim - d);
      const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, even + d));
      const __m512i high = has_odd ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, odd + d))
                                   : _mm512_setzero_si512();
      uint32_t* out = head.space.values.data() + d / kPanel * pairs * kPanel + pair * kPanel;
      _mm512_storeu_si512(out + d % kPanel, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
  }
}

template <int R, int V>
void ScorePanel(const Head& head, int64_t query, int64_t panel) {
  Tile<R, V> tile;
  tile.Clear();
  tile.Add(head.query + query * head.call.stride, head.call.stride,
           head.space.keys.data() + panel * head.pairs() * PackedMatrix::kPanel, head.pairs());
  for (int r = 0; r < R; ++r) {
    float* scores =
        head.space.scores.data() + r * head.padded_tokens() + panel * PackedMatrix::kPanel;
    for (int v = 0; v < V; ++v) _mm512_storeu_ps(scores + v * kLanes, tile.sum[r][v]);
  }
}

// Scores of R queries and all keys.
template <int R>
void Score(const Head& head, int64_t query) {
  const int64_t tokens = head.call.tokens;
  for (int64_t panel = 0; panel * PackedMatrix::kPanel < tokens; ++panel) {
    switch (DivideUp(tokens - panel * PackedMatrix::kPanel, kLanes)) {
      case 1:
        ScorePanel<R, 1>(head, query, panel);
        break;
      case 2:
        ScorePanel<R, 2>(head, query, panel);
        break;
      case 3:
        ScorePanel<R, 3>(head, query, panel);
        break;
      default:
        ScorePanel<R, 4>(head, query, panel);
    }
  }
}

// Turns the scores of one query into bf16 weights exp(scale·(score − largest)), the rest of the row
// zero. Returns 1 ÷ their sum (of the f32 weights).
float Softmax(const Head& head, int row) {
  const int64_t tokens = head.call.tokens;
  float* scores = head.space.scores.data() + row * head.padded_tokens();
  BFloat16Bits* weights = head.space.weights.data() + row * head.padded_tokens();
  const __m512 lowest = _mm512_set1_ps(-INFINITY);
  __m512 largest = lowest;
  for (int64_t i = 0; i < tokens; i += kLanes) {
    largest =
        _mm512_max_ps(largest, _mm512_mask_loadu_ps(lowest, FirstLanes(tokens - i), scores + i));
  }
  const float factor = kLog2E / std::sqrt(static_cast<float>(head.call.head_dim));
  const __m512 scale = _mm512_set1_ps(factor);
  const __m512 top = _mm512_set1_ps(factor * _mm512_reduce_max_ps(largest));
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < tokens; i += kLanes) {
    const __m512 x = _mm512_fmsub_ps(_mm512_loadu_ps(scores + i), scale, top);
    const __m512 weight = _mm512_maskz_mov_ps(FirstLanes(tokens - i), Exp2<5>(x));
    sum = _mm512_add_ps(sum, weight);
    StoreBf16(weights + i, 0xFFFF, weight);
  }
  return 1 / _mm512_reduce_add_ps(sum);
}

// weights·values of R queries for V vectors of the head's components, from component `first` on.
template <int R, int V>
void Weigh(const Head& head, int64_t query, const float* inverse_sums, int first) {
  Tile<R, V> tile;
  tile.Clear();
  const int64_t pairs = DivideUp(head.call.tokens, 2);
  tile.Add(head.space.weights.data(), head.padded_tokens(),
           head.space.values.data() + first * pairs, pairs);
  for (int r = 0; r < R; ++r) {
    const __m512 factor = _mm512_set1_ps(inverse_sums[r]);
    for (int v = 0; v < V; ++v) {
      const int at = first + v * kLanes;
      StoreBf16(head.out + (query + r) * head.call.out_stride + at,
                FirstLanes(head.call.head_dim - at), _mm512_mul_ps(tile.sum[r][v], factor));
    }
  }
}

template <int R>
void Attend(const Head& head, int64_t query) {
  Score<R>(head, query);
  float inverse_sums[R];
  for (int r = 0; r < R; ++r) inverse_sums[r] = Softmax(head, r);
  for (int first = 0; first < head.call.head_dim; first += PackedMatrix::kPanel) {
    switch (DivideUp(head.call.head_dim - first, kLanes)) {
      case 1:
        Weigh<R, 1>(head, query, inverse_sums, first);
        break;
      case 2:
        Weigh<R, 2>(head, query, inverse_sums, first);
        break;
      case 3:
        Weigh<R, 3>(head, query, inverse_sums, first);
        break;
      default:
        Weigh<R, 4>(head, query, inverse_sums, first);
    }
  }
}

void RunHead(const Head& head) {
  PackKeys(head);
  PackValues(head);
  head.space.scores.Reserve(kTileRows * head.padded_tokens());
  head.space.weights.Reserve(kTileRows * head.padded_tokens());
  for (int64_t query = 0; query < head.call.queries; query += kTileRows) {
    switch (head.call.queries - query) {
      case 1:
        Attend<1>(head, query);
        break;
      case 2:
        Attend<2>(head, query);
        break;
      case 3:
        Attend<3>(head, query);
        break;
      case 4:
        Attend<4>(head, query);
        break;
      case 5:
        Attend<5>(head, query);
        break;
      default:
        Attend<kTileRows>(head, query);
    }
  }
}

void Attention(const AttentionCall& call, const Parallel& parallel) {
  const int64_t total = int64_t{call.images} * call.heads;
  parallel.run([&](int thread) {
    const int64_t end = total * (thread + 1) / parallel.threads;
    for (int64_t i = total * thread / parallel.threads; i < end; ++i) {
      const int64_t image = i / call.heads, head = i % call.heads;
      const BFloat16Bits* query =
          call.qkv + image * call.tokens * call.stride + head * 3 * call.head_dim;
      RunHead({call, query, query + call.head_dim, query + 2 * static_cast<int64_t>(call.head_dim),
               call.out + image * call.queries * call.out_stride + head * call.head_dim,
               ThreadSpace()});
    }
  });
}

// ---------------------------------------------------------------------------------------------
// Norms, positions, conversion

void NormRow(const LayerNormCall& call, int64_t row) {
  const float* x = call.x + row * call.stride;
  __m512 sum = _mm512_setzero_ps();
  for (int i = 0; i < call.dim; i += kLanes) {
    sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(FirstLanes(call.dim - i), x + i));
  }
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / static_cast<float>(call.dim));
  __m512 squares = _mm512_setzero_ps();
  for (int i = 0; i < call.dim; i += kLanes) {
    const __mmask16 mask = FirstLanes(call.dim - i);
    const __m512 d = _mm512_maskz_sub_ps(mask, _mm512_maskz_loadu_ps(mask, x + i), mean);
    squares = _mm512_fmadd_ps(d, d, squares);
  }
  const double variance = _mm512_reduce_add_ps(squares) / static_cast<double>(call.dim);
  const __m512 inverse = _mm512_set1_ps(static_cast<float>(1 / std::sqrt(variance + call.eps)));
  for (int i = 0; i < call.dim; i += kLanes) {
    const __mmask16 mask = FirstLanes(call.dim - i);
    const __m512 d = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), mean);
    const __m512 y =
        _mm512_fmadd_ps(_mm512_mul_ps(d, inverse), _mm512_maskz_loadu_ps(mask, call.weight + i),
                        _mm512_maskz_loadu_ps(mask, call.bias + i));
    if (call.out_f32 != nullptr) {
      _mm512_mask_storeu_ps(call.out_f32 + row * call.out_stride + i, mask, y);
    } else {
      StoreBf16(call.out + row * call.out_stride + i, mask, y);
    }
  }
  if (call.out != nullptr && call.dim % 2 != 0) call.out[row * call.out_stride + call.dim] = 0;
}

void LayerNorm(const LayerNormCall& call, const Parallel& parallel) {
  parallel.run([&](int thread) {
    const int64_t end = call.rows * (thread + 1) / parallel.threads;
    for (int64_t row = call.rows * thread / parallel.threads; row < end; ++row) NormRow(call, row);
  });
}

constexpr int kLargestHead = 128;

float ToFloat(BFloat16Bits bits) {
  const uint32_t word = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &word, sizeof(value));
  return value;
}

void ToBfloat16(const float* in, int64_t count, BFloat16Bits* out) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 mask = FirstLanes(count - i);
    StoreBf16(out + i, mask, _mm512_maskz_loadu_ps(mask, in + i));
  }
}

// One head's query or key: [dim] bf16, in place.
void PositionHead(const PositionCall& call, int64_t token, const float* weight, const float* bias,
                  BFloat16Bits* head) {
  const int dim = call.head_dim;
  float x[kLargestHead], y[kLargestHead];
  for (int i = 0; i < dim; ++i) x[i] = ToFloat(head[i]);
  if (weight != nullptr) {
    float sum = 0, squares = 0;
    for (int i = 0; i < dim; ++i) sum += x[i];
    const float mean = sum / static_cast<float>(dim);
    for (int i = 0; i < dim; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const double variance = squares / static_cast<double>(dim);
    const auto inverse = static_cast<float>(1 / std::sqrt(variance + call.eps));
    for (int i = 0; i < dim; ++i) x[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
  }
  if (call.cos == nullptr) return ToBfloat16(x, dim, head);
  const int half = dim / 2;
  const float* cos = call.cos + token * dim;
  const float* sin = call.sin + token * dim;
  for (int i = 0; i < half; ++i) {
    y[i] = x[i] * cos[i] - x[i + half] * sin[i];
    y[i + half] = x[i + half] * cos[i + half] + x[i] * sin[i + half];
  }
  ToBfloat16(y, dim, head);
}

void Position(const PositionCall& call, const Parallel& parallel) {
  const int64_t rows = int64_t{call.images} * call.tokens;
  parallel.run([&](int thread) {
    const int64_t end = rows * (thread + 1) / parallel.threads;
    for (int64_t row = rows * thread / parallel.threads; row < end; ++row) {
      for (int64_t head = 0; head < call.heads; ++head) {
        BFloat16Bits* query = call.qkv + row * call.stride + head * 3 * call.head_dim;
        const int64_t token = row % call.tokens;
        PositionHead(call, token, call.query_weight, call.query_bias, query);
        PositionHead(call, token, call.key_weight, call.key_bias, query + call.head_dim);
      }
    }
  });
}

}  // namespace

const Kernels& Avx512Bf16Kernels() {
  static constexpr Kernels kKernels = {Gemm, Attention, LayerNorm, Position, ToBfloat16};
  return kKernels;
}

}  // namespace snapvit

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
