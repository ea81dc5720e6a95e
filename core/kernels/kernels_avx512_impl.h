// The kernels of core/kernels/kernels.h for AVX-512, as templates of the element type. Included by
// the files that instantiate them, after <immintrin.h> and inside their target pragma; not by
// others.

namespace snapvit {
namespace {

constexpr int kLanes = 16;                      // f32 values of a register
constexpr int kPanelVectors = kPanel / kLanes;  // 4
// Rows of one tile: with four vectors of outputs 24 of the 32 registers are sums, 4 weights, the
// rest for the row's values.
constexpr int kTileRows = 6;
// Rows that a thread takes through all panels before the next ones: as many as stay in its cache.
constexpr int64_t kBlockRows = 192;

__mmask16 FirstLanes(int64_t count) {
  if (count >= kLanes) return 0xFFFF;
  return count <= 0 ? 0 : static_cast<__mmask16>((1U << count) - 1);
}

// What is done with elements of type T; each file that includes this defines its own.
//   MulAdd(sum, value, weights)   sum + value·weights in every lane, of words
//   Store(out, mask, x)           of f32 as T
//   TwoRows(a, b, mask)           a register of words: of a alone, or of a and b (null: zeros)
//   ToFloat(x), kExpDegree        of Exp2, for weights that are stored as T
template <typename T>
struct Element;

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

// Sums of R rows and V registers of outputs.
template <typename T, int R, int V>
struct Tile {
  __m512 sum[R][V];

  // The sums become rows·panel, or that is added: of `words` words of each row, `stride` elements
  // apart, and as many rows of the panel, `width` words apart.
  template <bool kAdd>
  void Multiply(const T* a, int64_t stride, const uint32_t* b, int64_t width, int64_t words) {
    __m512 local[R][V];  // in registers: compilers do not keep members there
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) local[r][v] = kAdd ? sum[r][v] : _mm512_setzero_ps();
    }
    for (int64_t k = 0; k < words; ++k, a += kValuesOfWord<T>, b += width) {
      __m512i weights[V];
      for (int v = 0; v < V; ++v) weights[v] = _mm512_loadu_si512(b + v * kLanes);
      for (int r = 0; r < R; ++r) {
        int word;
        std::memcpy(&word, a + r * stride, sizeof(word));
        const __m512i value = _mm512_set1_epi32(word);
        for (int v = 0; v < V; ++v) {
          local[r][v] = Element<T>::MulAdd(local[r][v], value, weights[v]);
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) sum[r][v] = local[r][v];
    }
  }
};

template <typename T>
int64_t Words(int64_t values) {
  return (values + kValuesOfWord<T> - 1) / kValuesOfWord<T>;
}

// One panel of a call, for some rows.
template <typename T>
struct PanelWork {
  const GemmCall<T>& call;
  int64_t panel;
  int64_t first_output;  // of the panel
  int valid;             // outputs of the panel that are wanted

  const T* Row(int64_t row) const { return call.rows.data + row * call.rows.stride; }
};

__m512 LoadOr(const float* values, int64_t first, __mmask16 mask, float otherwise) {
  return values == nullptr ? _mm512_set1_ps(otherwise)
                           : _mm512_maskz_loadu_ps(mask, values + first);
}

template <typename T, int R, int V>
void Accumulate(const PanelWork<T>& work, int64_t row, Tile<T, R, V>& tile) {
  const GemmCall<T>& call = work.call;
  const uint32_t* panel = call.weights->panel(work.panel);
  if (V == 1 && call.weights->narrow()) {
    tile.template Multiply<false>(work.Row(row), call.rows.stride, panel,
                                  call.weights->panel_width(), Words<T>(call.inputs));
    return;
  }
  tile.template Multiply<false>(work.Row(row), call.rows.stride, panel, kPanel,
                                Words<T>(call.inputs));
  if (call.more_weights != nullptr) {
    tile.template Multiply<true>(call.more_rows.data + row * call.more_rows.stride,
                                 call.more_rows.stride, call.more_weights->panel(work.panel),
                                 kPanel, Words<T>(call.more_inputs));
  }
}

template <typename T, int R, int V>
void RunTile(const PanelWork<T>& work, int64_t row) {
  const GemmCall<T>& call = work.call;
  Tile<T, R, V> tile;
  Accumulate(work, row, tile);
  for (int v = 0; v < V; ++v) {
    const int64_t first = work.first_output + v * kLanes;
    const __mmask16 mask = FirstLanes(work.valid - v * kLanes);
    const __m512 bias = LoadOr(call.bias, first, mask, 0);
    if (call.out != nullptr) {
      for (int r = 0; r < R; ++r) {
        Element<T>::Store(call.out + (row + r) * call.out_stride + first, mask,
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
template <typename T, int R>
void RunGatedTile(const PanelWork<T>& work, int64_t row) {
  constexpr int kHalf = kPanelVectors / 2;
  const GemmCall<T>& call = work.call;
  Tile<T, R, kPanelVectors> tile;
  Accumulate(work, row, tile);
  for (int v = 0; v < kHalf; ++v) {
    const int64_t first = work.first_output + v * kLanes;
    const __mmask16 mask = FirstLanes(work.valid - v * kLanes);
    const __m512 gate_bias = LoadOr(call.gate_bias, first, mask, 0);
    const __m512 bias = LoadOr(call.bias, first, mask, 0);
    for (int r = 0; r < R; ++r) {
      const __m512 gate = Activate(call.activation, _mm512_add_ps(tile.sum[r][v], gate_bias));
      const __m512 value = _mm512_add_ps(tile.sum[r][v + kHalf], bias);
      Element<T>::Store(call.out + (row + r) * call.out_stride + first, mask,
                        _mm512_mul_ps(gate, value));
    }
  }
}

template <typename T, int R>
void RunTileRows(const PanelWork<T>& work, int64_t row) {
  if (work.call.weights->gated()) return RunGatedTile<T, R>(work, row);
  switch ((work.valid + kLanes - 1) / kLanes) {
    case 1:
      return RunTile<T, R, 1>(work, row);
    case 2:
      return RunTile<T, R, 2>(work, row);
    case 3:
      return RunTile<T, R, 3>(work, row);
    default:
      return RunTile<T, R, 4>(work, row);
  }
}

template <typename T>
void RunRows(const PanelWork<T>& work, int64_t row, int64_t rows) {
  switch (rows) {
    case 1:
      return RunTileRows<T, 1>(work, row);
    case 2:
      return RunTileRows<T, 2>(work, row);
    case 3:
      return RunTileRows<T, 3>(work, row);
    case 4:
      return RunTileRows<T, 4>(work, row);
    case 5:
      return RunTileRows<T, 5>(work, row);
    default:
      return RunTileRows<T, 6>(work, row);
  }
}

// Rows [begin, end) of panels [first_panel, last_panel).
template <typename T>
void RunBlock(const GemmCall<T>& call, int64_t begin, int64_t end, int64_t first_panel,
              int64_t last_panel) {
  const int width = call.weights->panel_outputs();
  for (int64_t block = begin; block < end; block += kBlockRows) {
    const int64_t block_end = std::min(end, block + kBlockRows);
    for (int64_t panel = first_panel; panel < last_panel; ++panel) {
      const int64_t place = panel % call.period;
      if (place < call.from || place >= call.until) continue;
      const int64_t first = panel * width;
      const PanelWork<T> work = {call, panel, first,
                                 static_cast<int>(std::min<int64_t>(width, call.outputs - first))};
      for (int64_t row = block; row < block_end; row += kTileRows) {
        RunRows(work, row, std::min<int64_t>(kTileRows, block_end - row));
      }
    }
  }
}

int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <typename T>
void Gemm(const GemmCall<T>& call, const Parallel& parallel) {
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
template <typename T>
struct AttentionSpace {
  AlignedVector<uint32_t> keys;    // panels of 64 keys: [words of head_dim][64]
  AlignedVector<uint32_t> values;  // panels of 64 components: [words of tokens][64]
  AlignedVector<float> scores;     // [kTileRows][tokens, whole panels]
  AlignedVector<T> weights;        // softmax of the scores
};

template <typename T>
AttentionSpace<T>& ThreadSpace() {
  thread_local AttentionSpace<T> space;
  return space;
}

// One head of one image.
template <typename T>
struct Head {
  const AttentionCall<T>& call;
  const T* query;
  const T* key;
  const T* value;
  T* out;
  AttentionSpace<T>& space;

  int64_t words() const { return Words<T>(call.head_dim); }
  int64_t padded_tokens() const { return DivideUp(call.tokens, kPanel) * kPanel; }
};

template <typename T>
void PackKeys(const Head<T>& head) {
  const int64_t words = head.words(), tokens = head.call.tokens;
  head.space.keys.Reserve(head.padded_tokens() * words);
  for (int64_t token = 0; token < head.padded_tokens(); ++token) {
    uint32_t* out = head.space.keys.data() + token / kPanel * words * kPanel + token % kPanel;
    if (token >= tokens) {
      for (int64_t word = 0; word < words; ++word) out[word * kPanel] = 0;
      continue;
    }
    const T* in = head.key + token * head.call.stride;
    for (int64_t word = 0; word < words; ++word) {
      std::memcpy(out + word * kPanel, in + word * kValuesOfWord<T>, sizeof(*out));
    }
  }
}

template <typename T>
void PackValues(const Head<T>& head) {
  const int64_t words = Words<T>(head.call.tokens);
  const int64_t panels = DivideUp(head.call.head_dim, kPanel);
  head.space.values.Reserve(panels * words * kPanel);
  for (int64_t word = 0; word < words; ++word) {
    const int64_t token = word * kValuesOfWord<T>;
    const T* in = head.value + token * head.call.stride;
    const T* next = token + 1 < head.call.tokens ? in + head.call.stride : nullptr;
    for (int64_t d = 0; d < head.call.head_dim; d += kLanes) {
      uint32_t* out = head.space.values.data() + d / kPanel * words * kPanel + word * kPanel;
      _mm512_storeu_si512(out + d % kPanel,
                          Element<T>::TwoRows(in + d, next == nullptr ? nullptr : next + d,
                                              FirstLanes(head.call.head_dim - d)));
    }
  }
}

template <typename T, int R, int V>
void ScorePanel(const Head<T>& head, int64_t query, int64_t panel) {
  Tile<T, R, V> tile;
  tile.template Multiply<false>(head.query + query * head.call.stride, head.call.stride,
                                head.space.keys.data() + panel * head.words() * kPanel, kPanel,
                                head.words());
  for (int r = 0; r < R; ++r) {
    float* scores = head.space.scores.data() + r * head.padded_tokens() + panel * kPanel;
    for (int v = 0; v < V; ++v) _mm512_storeu_ps(scores + v * kLanes, tile.sum[r][v]);
  }
}

// Scores of R queries and all keys.
template <typename T, int R>
void Score(const Head<T>& head, int64_t query) {
  const int64_t tokens = head.call.tokens;
  for (int64_t panel = 0; panel * kPanel < tokens; ++panel) {
    switch (DivideUp(tokens - panel * kPanel, kLanes)) {
      case 1:
        ScorePanel<T, R, 1>(head, query, panel);
        break;
      case 2:
        ScorePanel<T, R, 2>(head, query, panel);
        break;
      case 3:
        ScorePanel<T, R, 3>(head, query, panel);
        break;
      default:
        ScorePanel<T, R, 4>(head, query, panel);
    }
  }
}

// Turns the scores of one query into weights exp(scale·(score − largest)), the rest of the last
// register zero. Returns 1 ÷ their sum (of the f32 weights).
template <typename T>
float Softmax(const Head<T>& head, int row) {
  const int64_t tokens = head.call.tokens;
  float* scores = head.space.scores.data() + row * head.padded_tokens();
  T* weights = head.space.weights.data() + row * head.padded_tokens();
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
    const __m512 weight =
        _mm512_maskz_mov_ps(FirstLanes(tokens - i), Exp2<Element<T>::kExpDegree>(x));
    sum = _mm512_add_ps(sum, weight);
    Element<T>::Store(weights + i, 0xFFFF, weight);
  }
  return 1 / _mm512_reduce_add_ps(sum);
}

// weights·values of R queries for V vectors of the head's components, from component `first` on.
template <typename T, int R, int V>
void Weigh(const Head<T>& head, int64_t query, const float* inverse_sums, int first) {
  Tile<T, R, V> tile;
  const int64_t words = Words<T>(head.call.tokens);
  tile.template Multiply<false>(head.space.weights.data(), head.padded_tokens(),
                                head.space.values.data() + first * words, kPanel, words);
  for (int r = 0; r < R; ++r) {
    const __m512 factor = _mm512_set1_ps(inverse_sums[r]);
    for (int v = 0; v < V; ++v) {
      const int at = first + v * kLanes;
      Element<T>::Store(head.out + (query + r) * head.call.out_stride + at,
                        FirstLanes(head.call.head_dim - at), _mm512_mul_ps(tile.sum[r][v], factor));
    }
  }
}

template <typename T, int R>
void Attend(const Head<T>& head, int64_t query) {
  Score<T, R>(head, query);
  float inverse_sums[R];
  for (int r = 0; r < R; ++r) inverse_sums[r] = Softmax(head, r);
  for (int first = 0; first < head.call.head_dim; first += kPanel) {
    switch (DivideUp(head.call.head_dim - first, kLanes)) {
      case 1:
        Weigh<T, R, 1>(head, query, inverse_sums, first);
        break;
      case 2:
        Weigh<T, R, 2>(head, query, inverse_sums, first);
        break;
      case 3:
        Weigh<T, R, 3>(head, query, inverse_sums, first);
        break;
      default:
        Weigh<T, R, 4>(head, query, inverse_sums, first);
    }
  }
}

template <typename T>
void RunHead(const Head<T>& head) {
  PackKeys(head);
  PackValues(head);
  head.space.scores.Reserve(kTileRows * head.padded_tokens());
  head.space.weights.Reserve(kTileRows * head.padded_tokens());
  for (int64_t query = 0; query < head.call.queries; query += kTileRows) {
    switch (head.call.queries - query) {
      case 1:
        Attend<T, 1>(head, query);
        break;
      case 2:
        Attend<T, 2>(head, query);
        break;
      case 3:
        Attend<T, 3>(head, query);
        break;
      case 4:
        Attend<T, 4>(head, query);
        break;
      case 5:
        Attend<T, 5>(head, query);
        break;
      default:
        Attend<T, kTileRows>(head, query);
    }
  }
}

template <typename T>
void Attention(const AttentionCall<T>& call, const Parallel& parallel) {
  const int64_t total = int64_t{call.images} * call.heads;
  parallel.run([&](int thread) {
    const int64_t end = total * (thread + 1) / parallel.threads;
    for (int64_t i = total * thread / parallel.threads; i < end; ++i) {
      const int64_t image = i / call.heads, head = i % call.heads;
      const T* query = call.qkv + image * call.tokens * call.stride + head * 3 * call.head_dim;
      RunHead<T>({call, query, query + call.head_dim, query + 2 * int64_t{call.head_dim},
                  call.out + image * call.queries * call.out_stride + head * call.head_dim,
                  ThreadSpace<T>()});
    }
  });
}

// ---------------------------------------------------------------------------------------------
// Norms, positions, conversion

template <typename T>
void NormRow(const LayerNormCall<T>& call, int64_t row) {
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
      Element<T>::Store(call.out + row * call.out_stride + i, mask, y);
    }
  }
  if (call.out != nullptr && call.dim % kValuesOfWord<T> != 0)
    call.out[row * call.out_stride + call.dim] = 0;
}

template <typename T>
void LayerNorm(const LayerNormCall<T>& call, const Parallel& parallel) {
  parallel.run([&](int thread) {
    const int64_t end = call.rows * (thread + 1) / parallel.threads;
    for (int64_t row = call.rows * thread / parallel.threads; row < end; ++row) NormRow(call, row);
  });
}

template <typename T>
void Convert(const float* in, int64_t count, T* out) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 mask = FirstLanes(count - i);
    Element<T>::Store(out + i, mask, _mm512_maskz_loadu_ps(mask, in + i));
  }
}

// One head's query or key: [dim], in place.
template <typename T>
void PositionHead(const PositionCall<T>& call, int64_t token, const float* weight,
                  const float* bias, T* head) {
  const int dim = call.head_dim;
  float x[kLargestHead], y[kLargestHead];
  for (int i = 0; i < dim; ++i) x[i] = Element<T>::ToFloat(head[i]);
  if (weight != nullptr) {
    float sum = 0, squares = 0;
    for (int i = 0; i < dim; ++i) sum += x[i];
    const float mean = sum / static_cast<float>(dim);
    for (int i = 0; i < dim; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const double variance = squares / static_cast<double>(dim);
    const auto inverse = static_cast<float>(1 / std::sqrt(variance + call.eps));
    for (int i = 0; i < dim; ++i) x[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
  }
  if (call.cos == nullptr) return Convert(x, dim, head);
  const int half = dim / 2;
  const float* cos = call.cos + token * dim;
  const float* sin = call.sin + token * dim;
  for (int i = 0; i < half; ++i) {
    y[i] = x[i] * cos[i] - x[i + half] * sin[i];
    y[i + half] = x[i + half] * cos[i + half] + x[i] * sin[i + half];
  }
  Convert(y, dim, head);
}

template <typename T>
void Position(const PositionCall<T>& call, const Parallel& parallel) {
  const int64_t rows = int64_t{call.images} * call.tokens;
  parallel.run([&](int thread) {
    const int64_t end = rows * (thread + 1) / parallel.threads;
    for (int64_t row = rows * thread / parallel.threads; row < end; ++row) {
      for (int64_t head = 0; head < call.heads; ++head) {
        T* query = call.qkv + row * call.stride + head * 3 * call.head_dim;
        const int64_t token = row % call.tokens;
        PositionHead(call, token, call.query_weight, call.query_bias, query);
        PositionHead(call, token, call.key_weight, call.key_bias, query + call.head_dim);
      }
    }
  });
}

template <typename T>
const Kernels<T>& Table() {
  static constexpr Kernels<T> kTable = {Gemm<T>, Attention<T>, LayerNorm<T>, Position<T>,
                                        Convert<T>};
  return kTable;
}

}  // namespace
}  // namespace snapvit
