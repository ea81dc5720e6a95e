// The matrix product of core/kernels/kernels.h. Included as functions_impl.h is, after it.

namespace snapvit {
namespace {

// Rows that a thread takes through all panels before the next ones, about: as many as stay in its
// cache. An image of 197 tokens is taken as one, as the weights come from far for each block.
constexpr int64_t kBlockRows = 192;
// Inputs whose rows stay there, too; what adds to a residual stream is added in such parts. Not of
// int8, whose rows take half the room, and have one scale and one excess.
constexpr int64_t kAllInputs = std::numeric_limits<int32_t>::max();
template <typename T>
constexpr int64_t kPartInputs = 3072 / sizeof(T);
template <typename T>
constexpr int64_t kPartInputs<Int8<T>> = kAllInputs;
// Rows of a strip that are fetched before they are used (ViT-B, f32, Sapphire Rapids: 5 % faster).
constexpr int64_t kWordsAhead = 16;

// Where the next panel is fetched from while one is used, and how many bytes with each word: what
// is needed of one strip, then of the other. Null: there is none.
struct PanelAhead {
  const char* at = nullptr;
  int64_t step = 0;
  const char* end = nullptr;     // of the strip
  const char* second = nullptr;  // null: that was the last one

  // So many bytes are fetched.
  void Advance(int64_t bytes) {
    at += bytes;
    if (second == nullptr || at < end) return;
    at = second + (at - end);
    second = nullptr;
  }
};

// Weights of some columns, row by row: the first ones lie side by side, and so do the others.
struct ColumnWeights {
  const uint32_t* first = nullptr;
  int64_t width = 0;   // words from row to row
  int64_t second = 0;  // from the first ones to the others
};

// Of a panel's columns from `column` and from `second` on, if there are such, in strips of the same
// width.
template <typename T>
ColumnWeights WeightsOf(const PackedMatrix<T>& weights, int64_t panel, int64_t column,
                        int64_t second, int64_t first_row = 0) {
  const int64_t width = weights.strip_width(panel, column);
  const uint32_t* first = weights.column(panel, column);
  return {first + first_row * width, width, weights.column(panel, second) - first};
}

// A register of sums: of int8 they are whole numbers. (As an argument of std::conditional_t it
// would lose its alignment.)
template <bool kWhole>
struct SumsOf {
  using Type = Floats;
};
template <>
struct SumsOf<true> {
  using Type = Words;
};
template <typename T>
using Sums = typename SumsOf<kIsInt8<T>>::Type;

// Sums of R rows and V registers of outputs.
template <typename T, int R, int V>
struct Tile {
  Sums<T> sum[R][V];

  // The sums become rows·weights, or that is added: of `words` words of each row, `stride` elements
  // apart, and as many rows of the weights, of which `kFirst` registers are the first ones.
  template <bool kAdd, int kFirst>
  void Accumulate(const OperandOf<T>* a, int64_t stride, ColumnWeights weights_of, int64_t words,
                  PanelAhead ahead = {}) {
    const int64_t width = weights_of.width, second = weights_of.second;
    const auto column = [second](int v) {
      return v < kFirst ? v * kLanes : second + (v - kFirst) * kLanes;
    };
    const uint32_t* b = weights_of.first;
    const uint32_t* fetched = b + kWordsAhead * width;
    // In registers: compilers do not keep members there, nor what loops go through.
    Sums<T> local[R][V];
    ForEach<R>(
        [&](auto r) { ForEach<V>([&](auto v) { local[r][v] = kAdd ? sum[r][v] : Sums<T>{}; }); });
    // Fetching from null would look for its page again and again.
    if (ahead.at == nullptr) ahead.at = reinterpret_cast<const char*>(b);
    for (int64_t k = 0; k < words;
         ++k, a += kValuesOfWord<OperandOf<T>>, b += width, fetched += width) {
      __builtin_prefetch(ahead.at + k * ahead.step, /*rw=*/0, /*locality=*/2);
      Words weights[V];
      ForEach<V>([&](auto v) { __builtin_prefetch(fetched + column(v)); });
      ForEach<V>([&](auto v) { weights[v] = LoadWords(b + column(v)); });
      ForEach<R>([&](auto r) {
        int word;
        std::memcpy(&word, a + r * stride, sizeof(word));
        const Words value = SetWord(word);
        ForEach<V>([&](auto v) {
          local[r][v] = Element<OperandOf<T>>::MulAdd(local[r][v], value, weights[v]);
        });
      });
    }
    ForEach<R>([&](auto r) { ForEach<V>([&](auto v) { sum[r][v] = local[r][v]; }); });
  }
};

// As many columns of one panel as a tile covers: of the matrix's strips a part, or both.
template <typename T>
struct Strip {
  const GemmCall<T>& call;
  int64_t first_word;  // of the panel's rows
  int64_t panel;
  int64_t column;  // of the panel
  int64_t first;   // output of that column
  int64_t valid;   // outputs that are wanted

  const OperandOf<T>* Row(int64_t row) const { return call.rows.data + row * call.rows.stride; }
  int64_t words() const { return WordsOf<OperandOf<T>>(call.inputs); }
  // As WeightsOf().
  ColumnWeights weights(int64_t second) const {
    return WeightsOf(*call.weights, panel, column, second, first_word);
  }
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
        out_(call.out),
        residual_(call.residual),
        stride_(call.out_stride),
        first_(first),
        mask_(FirstLanes(valid)),
        bias_(LoadOr(call.bias, first, mask_, 0)),
        gate_bias_(LoadOr(call.gate_bias, first, mask_, 0)),
        scale_(LoadOr(call.scale, first, mask_, 1)),
        weight_scales_(LoadOr(call.weight_scales, first, mask_, 1)),
        gate_weight_scales_(LoadOr(call.gate_weight_scales, first, mask_, 1)) {}

  void Write(int64_t row, Sums<T> sum) const {
    WriteAs(call_.activation, /*adds=*/residual_ != nullptr, row, sum);
  }
  // The same, where it is known what the call does.
  void WriteAs(GemmActivation activation, bool adds, int64_t row, Sums<T> sum) const {
    const Floats y = Activate<ResultOf<T>>(activation, PlusBias(row, sum, weight_scales_, bias_));
    const int64_t at = row * stride_ + first_;
    if (!adds) return Element<ResultOf<T>>::Store(out_ + at, mask_, y);
    Store(residual_ + at, mask_, MultiplyAdd(y, scale_, Load(mask_, residual_ + at)));
  }

  // Of a gated layer.
  void Write(int64_t row, Sums<T> gate, Sums<T> value) const {
    const Floats factor = Activate<ResultOf<T>>(
        call_.activation, PlusBias(row, gate, gate_weight_scales_, gate_bias_));
    Element<ResultOf<T>>::Store(out_ + row * stride_ + first_, mask_,
                                Multiply(factor, PlusBias(row, value, weight_scales_, bias_)));
  }

 private:
  // The numbers that sums stand for, and the bias.
  Floats PlusBias(int64_t row, Sums<T> sums, Floats weight_scales, Floats bias) const {
    if constexpr (kIsInt8<T>) {
      const RowScale& of_row = call_.rows.scales[row * call_.rows.scale_stride];
      return MultiplyAdd(ToFloats(Subtract(sums, SetWord(of_row.excess))),
                         Multiply(Set(of_row.scale), weight_scales), bias);
    } else {
      return Add(sums, bias);
    }
  }

  const GemmCall<T>& call_;
  ResultOf<T>* const out_;
  float* const residual_;
  const int64_t stride_;
  const int64_t first_;
  const Mask mask_;
  const Floats bias_, gate_bias_, scale_;
  const Floats weight_scales_, gate_weight_scales_;  // of int8
};

template <typename T, int R, int V>
void RunTile(const Strip<T>& strip, int64_t row, PanelAhead ahead) {
  // A tile is part of a strip, or all of two.
  constexpr int kColumns = kStrip<OperandOf<T>>;
  constexpr int kFirst = std::min(V, kColumns / kLanes);
  const GemmCall<T>& call = strip.call;
  Tile<T, R, V> tile;
  tile.template Accumulate<false, kFirst>(strip.Row(row), call.rows.stride, strip.weights(kColumns),
                                          strip.words(), ahead);
  if (call.more_weights != nullptr) {
    tile.template Accumulate<true, kFirst>(
        call.more_rows.data + row * call.more_rows.stride, call.more_rows.stride,
        WeightsOf(*call.more_weights, strip.panel, strip.column, kColumns),
        WordsOf<OperandOf<T>>(call.more_inputs));
  }
  for (int v = 0; v < V; ++v) {
    const Outputs<T> outputs(call, strip.first + v * kLanes, strip.valid - v * kLanes);
    for (int r = 0; r < R; ++r) outputs.Write(row + r, tile.sum[r][v]);
  }
}

// Gates, and the values of the same channels, which are in the panel's second half.
template <typename T, int R>
void RunGatedTile(const Strip<T>& strip, int64_t row, PanelAhead ahead) {
  constexpr int kHalf = kTileVectors / 2;
  const GemmCall<T>& call = strip.call;
  Tile<T, R, kTileVectors> tile;
  tile.template Accumulate<false, kHalf>(strip.Row(row), call.rows.stride,
                                         strip.weights(kPanel / 2 + strip.column), strip.words(),
                                         ahead);
  for (int v = 0; v < kHalf; ++v) {
    const Outputs<T> outputs(call, strip.first + v * kLanes, strip.valid - v * kLanes);
    for (int r = 0; r < R; ++r) outputs.Write(row + r, tile.sum[r][v], tile.sum[r][v + kHalf]);
  }
}

// What a thread does of a call: rows [begin, end) of panels [first_panel, last_panel).
template <typename T>
struct GemmShare {
  const GemmCall<T>* call = nullptr;
  int64_t begin = 0, end = 0;
  int64_t first_panel = 0, last_panel = 0;
  int64_t first_word = 0;  // of the panels' rows, which the call's inputs begin with

  int64_t rows() const { return end - begin; }
  bool empty() const { return begin == end || first_panel == last_panel; }
  bool Has(int64_t panel) const {
    return panel >= first_panel && panel < last_panel && !call->LeavesOut(panel);
  }
  // The rows of one of as many blocks, in whole tiles.
  GemmShare Block(int64_t index, int64_t blocks, int64_t tile_rows) const {
    const int64_t tiles = DivideUp(end - begin, tile_rows);
    GemmShare block = *this;
    block.begin = begin + tiles * index / blocks * tile_rows;
    block.end = std::min(end, begin + tiles * (index + 1) / blocks * tile_rows);
    return block;
  }
};

// Rows [begin, end) of a strip.
template <typename T>
void RunStrip(const Strip<T>& strip, int64_t begin, int64_t end, PanelAhead ahead) {
  const auto run_tiles = [&](const auto& run) {
    for (int64_t row = begin; row < end; row += kTileRows) {
      WithCount<kTileRows>(end - row, [&](auto rows) { run(rows, row); });
      ahead.Advance(strip.words() * ahead.step);
    }
  };
  if (strip.call.weights->gated()) {
    run_tiles([&](auto rows, int64_t row) { RunGatedTile<T, rows()>(strip, row, ahead); });
    return;
  }
  WithCount<kTileVectors>(DivideUp(strip.valid, kLanes), [&](auto vectors) {
    run_tiles([&](auto rows, int64_t row) { RunTile<T, rows(), vectors()>(strip, row, ahead); });
  });
}

// One panel, in strips; meanwhile the next one is fetched.
template <typename T>
void RunPanel(const GemmShare<T>& share, int64_t panel) {
  if (share.rows() == 0) return;  // fewer tiles of rows than blocks
  const GemmCall<T>& call = *share.call;
  const PackedMatrix<OperandOf<T>>& weights = *call.weights;
  // Of both strips at once if they are as wide.
  const int most_columns = weights.panel_width(panel) == kPanel
                               ? kTileColumns
                               : std::min(kTileColumns, kStrip<OperandOf<T>>);
  const int columns = weights.gated() ? kTileColumns / 2 : most_columns;
  const int64_t first = panel * weights.panel_outputs();
  const int64_t outputs = std::min<int64_t>(weights.panel_outputs(), call.outputs - first);
  const int64_t words = WordsOf<OperandOf<T>>(call.inputs);
  PanelAhead ahead;
  if (panel + 1 < share.last_panel) {
    const int64_t tiles = DivideUp(outputs, columns) * DivideUp(share.rows(), kTileRows);
    const ColumnWeights next =
        WeightsOf(weights, panel + 1, 0, kStrip<OperandOf<T>>, share.first_word);
    ahead.at = reinterpret_cast<const char*>(next.first);
    ahead.end = reinterpret_cast<const char*>(next.first + words * next.width);
    if (weights.panel_width(panel + 1) > kStrip<OperandOf<T>>) {
      ahead.second = reinterpret_cast<const char*>(next.first + next.second);
    }
    ahead.step = DivideUp(sizeof(uint32_t) * weights.panel_width(panel + 1), tiles);
  }
  for (int64_t column = 0; column < outputs; column += columns) {
    const int64_t valid = std::min<int64_t>(columns, outputs - column);
    const Strip<T> strip = {call, share.first_word, panel, column, first + column, valid};
    RunStrip(strip, share.begin, share.end, ahead);
    ahead.Advance(DivideUp(share.rows(), kTileRows) * words * ahead.step);
  }
}

// Threads share tiles of rows, or panels, whichever leaves less for the one with the most.
template <typename T>
GemmShare<T> ShareOf(const GemmCall<T>& call, int thread, int threads, int64_t tile_rows) {
  const int64_t panels = DivideUp(call.outputs, call.weights->panel_outputs());
  const int64_t tiles = DivideUp(call.row_count, tile_rows);
  const bool by_rows = DivideUp(tiles, threads) * panels <= tiles * DivideUp(panels, threads);
  const int64_t parts = by_rows ? tiles : panels;
  const int64_t begin = parts * thread / threads, end = parts * (thread + 1) / threads;
  if (!by_rows) return {&call, 0, call.row_count, begin, end};
  return {&call, begin * tile_rows, std::min(end * tile_rows, call.row_count), 0, panels};
}

// Parts of a call's inputs, one after another: what adds to a residual stream can be added in
// parts. They depend on the call alone, as what is computed must not depend on other calls.
template <typename T>
int64_t PartsOf(const GemmCall<T>& call, int64_t part_inputs) {
  const bool in_parts = call.residual != nullptr && call.activation == GemmActivation::kNone;
  return in_parts ? std::max<int64_t>(1, (call.inputs + part_inputs / 2) / part_inputs) : 1;
}

// The products of one part as a call of its own.
template <typename T>
GemmCall<T> PartOf(const GemmCall<T>& call, int64_t part, int64_t part_inputs) {
  GemmCall<T> result = call;
  result.rows.data += part * part_inputs;
  result.inputs -= part * part_inputs;
  if (part > 0) result.bias = nullptr;
  if (part + 1 < PartsOf(call, part_inputs)) {
    result.inputs = part_inputs;
    result.more_weights = nullptr;
    result.more_inputs = 0;
  }
  return result;
}

// Calls run(shares) on each thread, part by part, of calls of which it has something to do.
template <typename T, typename Run>
void ShareGemm(std::span<const GemmCall<T>> calls, const Parallel& parallel, int64_t tile_rows,
               int64_t part_inputs, const Run& run) {
  int64_t parts = 0;
  for (const GemmCall<T>& call : calls) parts = std::max(parts, PartsOf(call, part_inputs));
  parallel.run([&](int thread) {
    for (int64_t part = 0; part < parts; ++part) {
      GemmCall<T> parts_of[kMostCalls];
      GemmShare<T> shares[kMostCalls];
      size_t count = 0;
      for (const GemmCall<T>& call : calls) {
        if (part >= PartsOf(call, part_inputs)) continue;
        parts_of[count] = PartOf(call, part, part_inputs);
        shares[count] = ShareOf(parts_of[count], thread, parallel.threads, tile_rows);
        shares[count].first_word = part * part_inputs / kValuesOfWord<OperandOf<T>>;
        if (!shares[count].empty()) ++count;
      }
      run(std::span<const GemmShare<T>>(shares, count));
    }
  });
}

// Calls run(i, panel) for each panel, and each of the shares that has something of it.
template <typename T, typename Run>
void ForEachPanel(std::span<const GemmShare<T>> shares, const Run& run) {
  int64_t first = std::numeric_limits<int64_t>::max(), last = 0;
  for (const GemmShare<T>& share : shares) {
    first = std::min(first, share.first_panel);
    last = std::max(last, share.last_panel);
  }
  for (int64_t panel = first; panel < last; ++panel) {
    for (size_t i = 0; i < shares.size(); ++i) {
      if (shares[i].Has(panel)) run(i, panel);
    }
  }
}

// As many blocks as are nearest to their size, but one at least.
template <typename T>
void Gemm(std::span<const GemmCall<T>> calls, const Parallel& parallel) {
  const auto run = [](std::span<const GemmShare<T>> shares) {
    int64_t rows = 0;
    for (const GemmShare<T>& share : shares) rows += share.rows();
    const int64_t blocks = std::max<int64_t>(1, (rows + kBlockRows / 2) / kBlockRows);
    for (int64_t block = 0; block < blocks; ++block) {
      ForEachPanel(shares, [&](size_t i, int64_t panel) {
        RunPanel(shares[i].Block(block, blocks, kTileRows), panel);
      });
    }
  };
  ShareGemm(calls, parallel, kTileRows, kPartInputs<T>, run);
}

}  // namespace
}  // namespace snapvit
