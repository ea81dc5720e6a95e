// The matrix product of core/kernels/kernels.h. Included as functions_impl.h is, after it.

namespace snapvit {
namespace {

// Rows that a thread takes through all panels before the next ones: as many as stay in its cache.
constexpr int64_t kBlockRows = 192;
// Rows of a panel that are fetched before they are used (ViT-B, f32, Sapphire Rapids: 5 % faster).
constexpr int64_t kWordsAhead = 16;

// Sums of R rows and V registers of outputs.
template <typename T, int R, int V>
struct Tile {
  Floats sum[R][V];

  // The sums become rows·panel, or that is added: of `words` words of each row, `stride` elements
  // apart, and as many rows of the panel, `width` words apart. The second half of the vectors
  // starts `kSecondHalf` words behind the first.
  template <bool kAdd, int kSecondHalf = (V + 1) / 2 * kLanes>
  void Accumulate(const T* a, int64_t stride, const uint32_t* b, int64_t width, int64_t words) {
    Floats local[R][V];  // in registers: compilers do not keep members there
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) local[r][v] = kAdd ? sum[r][v] : Zeros();
    }
    constexpr int kHalf = (V + 1) / 2;
    for (int64_t k = 0; k < words; ++k, a += kValuesOfWord<T>, b += width) {
      Words weights[V];
      for (int v = 0; v < V; ++v) __builtin_prefetch(b + kWordsAhead * width + v * kLanes);
      for (int v = 0; v < V; ++v) {
        weights[v] = LoadWords(b + (v < kHalf ? v * kLanes : kSecondHalf + (v - kHalf) * kLanes));
      }
      for (int r = 0; r < R; ++r) {
        int word;
        std::memcpy(&word, a + r * stride, sizeof(word));
        const Words value = SetWord(word);
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

// As many columns of one panel as a tile covers.
template <typename T>
struct Strip {
  const GemmCall<T>& call;
  int64_t panel;
  int64_t column;  // of the panel
  int64_t first;   // output of that column
  int64_t valid;   // outputs that are wanted

  const T* Row(int64_t row) const { return call.rows.data + row * call.rows.stride; }
};

inline Floats LoadOr(const float* values, int64_t first, Mask mask, float otherwise) {
  return values == nullptr ? Set(otherwise) : Load(mask, values + first);
}

// A vector of outputs of a product, from `first` on, of which `valid` are wanted.
template <typename T>
class Outputs {
 public:
  Outputs(const GemmCall<T>& call, int64_t first, int64_t valid)
      : call_(call),
        first_(first),
        mask_(FirstLanes(valid)),
        bias_(LoadOr(call.bias, first, mask_, 0)),
        gate_bias_(LoadOr(call.gate_bias, first, mask_, 0)),
        scale_(LoadOr(call.scale, first, mask_, 1)) {}

  void Write(int64_t row, Floats sum) const {
    const Floats y = Activate<T>(call_.activation, Add(sum, bias_));
    const int64_t at = row * call_.out_stride + first_;
    if (call_.out != nullptr) return Element<T>::Store(call_.out + at, mask_, y);
    Store(call_.residual + at, mask_, MultiplyAdd(y, scale_, Load(mask_, call_.residual + at)));
  }

  // Of a gated layer.
  void Write(int64_t row, Floats gate, Floats value) const {
    const Floats factor = Activate<T>(call_.activation, Add(gate, gate_bias_));
    Element<T>::Store(call_.out + row * call_.out_stride + first_, mask_,
                      Multiply(factor, Add(value, bias_)));
  }

 private:
  const GemmCall<T>& call_;
  const int64_t first_;
  const Mask mask_;
  const Floats bias_, gate_bias_, scale_;
};

template <typename T, int R, int V>
void RunTile(const Strip<T>& strip, int64_t row) {
  const GemmCall<T>& call = strip.call;
  Tile<T, R, V> tile;
  tile.template Accumulate<false>(strip.Row(row), call.rows.stride,
                                  call.weights->panel(strip.panel) + strip.column,
                                  call.weights->panel_width(strip.panel), WordsOf<T>(call.inputs));
  if (call.more_weights != nullptr) {
    tile.template Accumulate<true>(
        call.more_rows.data + row * call.more_rows.stride, call.more_rows.stride,
        call.more_weights->panel(strip.panel) + strip.column,
        call.more_weights->panel_width(strip.panel), WordsOf<T>(call.more_inputs));
  }
  for (int v = 0; v < V; ++v) {
    const Outputs<T> outputs(call, strip.first + v * kLanes, strip.valid - v * kLanes);
    for (int r = 0; r < R; ++r) outputs.Write(row + r, tile.sum[r][v]);
  }
}

// Gates, and the values of the same channels, which lie half a panel behind them.
template <typename T, int R>
void RunGatedTile(const Strip<T>& strip, int64_t row) {
  constexpr int kHalf = kTileVectors / 2;
  const GemmCall<T>& call = strip.call;
  Tile<T, R, kTileVectors> tile;
  tile.template Accumulate<false, kPanel / 2>(
      strip.Row(row), call.rows.stride, call.weights->panel(strip.panel) + strip.column,
      call.weights->panel_width(strip.panel), WordsOf<T>(call.inputs));
  for (int v = 0; v < kHalf; ++v) {
    const Outputs<T> outputs(call, strip.first + v * kLanes, strip.valid - v * kLanes);
    for (int r = 0; r < R; ++r) outputs.Write(row + r, tile.sum[r][v], tile.sum[r][v + kHalf]);
  }
}

// Rows [begin, end) of a strip.
template <typename T>
void RunStrip(const Strip<T>& strip, int64_t begin, int64_t end) {
  const auto run_tiles = [&](const auto& run) {
    for (int64_t row = begin; row < end; row += kTileRows) {
      WithCount<kTileRows>(end - row, [&](auto rows) { run(rows, row); });
    }
  };
  if (strip.call.weights->gated()) {
    run_tiles([&](auto rows, int64_t row) { RunGatedTile<T, rows()>(strip, row); });
    return;
  }
  WithCount<kTileVectors>(DivideUp(strip.valid, kLanes), [&](auto vectors) {
    run_tiles([&](auto rows, int64_t row) { RunTile<T, rows(), vectors()>(strip, row); });
  });
}

// Rows [begin, end) of a panel.
template <typename T>
void RunPanel(const GemmCall<T>& call, int64_t panel, int64_t begin, int64_t end) {
  const int columns = call.weights->gated() ? kTileColumns / 2 : kTileColumns;
  const int64_t first = panel * call.weights->panel_outputs();
  const int64_t outputs = std::min<int64_t>(call.weights->panel_outputs(), call.outputs - first);
  for (int64_t column = 0; column < outputs; column += columns) {
    const int64_t valid = std::min<int64_t>(columns, outputs - column);
    RunStrip<T>({call, panel, column, first + column, valid}, begin, end);
  }
}

// Rows [begin, end) of panels [first_panel, last_panel).
template <typename T>
void RunBlock(const GemmCall<T>& call, int64_t begin, int64_t end, int64_t first_panel,
              int64_t last_panel) {
  for (int64_t block = begin; block < end; block += kBlockRows) {
    const int64_t block_end = std::min(end, block + kBlockRows);
    for (int64_t panel = first_panel; panel < last_panel; ++panel) {
      if (!call.LeavesOut(panel)) RunPanel(call, panel, block, block_end);
    }
  }
}

// How threads share a product: tiles of rows, or panels, whichever leaves less for the one with the
// most. Calls run(begin, end, first_panel, last_panel), of rows and panels, on each thread.
template <typename T, typename Run>
void ShareGemm(const GemmCall<T>& call, const Parallel& parallel, int64_t tile_rows,
               const Run& run) {
  const int64_t panels = DivideUp(call.outputs, call.weights->panel_outputs());
  const int64_t tiles = DivideUp(call.row_count, tile_rows);
  const int threads = parallel.threads;
  if (threads == 1) return run(0, call.row_count, 0, panels);
  const bool by_rows = DivideUp(tiles, threads) * panels <= tiles * DivideUp(panels, threads);
  const int64_t parts = by_rows ? tiles : panels;
  parallel.run([&](int thread) {
    const int64_t begin = parts * thread / threads, end = parts * (thread + 1) / threads;
    if (by_rows) {
      run(begin * tile_rows, std::min(end * tile_rows, call.row_count), 0, panels);
    } else {
      run(0, call.row_count, begin, end);
    }
  });
}

template <typename T>
void Gemm(const GemmCall<T>& call, const Parallel& parallel) {
  ShareGemm(call, parallel, kTileRows,
            [&](int64_t begin, int64_t end, int64_t first_panel, int64_t last_panel) {
              RunBlock(call, begin, end, first_panel, last_panel);
            });
}

}  // namespace
}  // namespace snapvit
