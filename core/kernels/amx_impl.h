// The matrix product and attention of core/kernels/kernels.h on AMX, whose registers are tiles: of
// 16 rows of 16 f32 sums, of 16 rows of 32 bf16, or of 16 words × 16 outputs of a PackedMatrix,
// which lie there as the processor reads them. Included as functions_impl.h is, after
// element_bf16_impl.h. Intel, Architecture Instruction Set Extensions Programming Reference, "Intel
// AMX".

namespace snapvit {
namespace {

constexpr int kTile = 16;             // rows, columns and words of a tile
constexpr int kSquare = 2 * kTile;    // rows and columns that a thread computes at once
constexpr int kStep = 2 * kTile;      // inputs of a tile
constexpr int kTileBytes = 64;        // of a row of a tile
constexpr int kSquareBytes = 4 * kSquare;  // of a row of sums
// Of rows that stay in a core's second cache while all panels pass by.
constexpr int64_t kBlockBytes = int64_t{5} << 18;

// What a compiler must have written before tiles read it: GCC's intrinsics do not say so.
inline void BeforeTiles() { asm volatile("" ::: "memory"); }

// Tiles 0 to 3 are sums of the first rows with both halves of the columns, and of the second rows;
// 4 and 5 rows, 6 and 7 weights. `rows`: 1 to 32.
inline void ConfigureTiles(int64_t rows) {
  struct alignas(64) {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  } config;
  const int64_t first = std::min<int64_t>(rows, kTile);
  const int64_t second = std::max<int64_t>(rows - kTile, 1);
  const int64_t rows_of[8] = {first, first, second, second, first, second, kTile, kTile};
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = kTileBytes;
    config.rows[tile] = static_cast<uint8_t>(rows_of[tile]);
  }
  BeforeTiles();
  _tile_loadconfig(&config);
}

// Rows and weights of `steps` times 32 inputs.
struct TileProduct {
  const BFloat16Bits* rows;
  int64_t stride;  // of the rows, in elements
  const uint32_t* weights;
  int64_t width;   // words of a row of the weights
  int64_t second;  // words from the first half of the columns to the second
  int64_t steps;
};

// The weights that come next, to be brought into the cache while others are used.
struct WeightsAhead {
  const uint32_t* at = nullptr;
  const uint32_t* end = nullptr;
  int64_t width = 0;
  int64_t second = 0;
  int64_t rows_per_step = 0;

  void Fetch() {
    for (int64_t i = 0; i < rows_per_step && at < end; ++i, at += width) {
      _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T1);
      _mm_prefetch(reinterpret_cast<const char*>(at + second), _MM_HINT_T1);
    }
  }
};

template <int kRowTiles, int kColumnTiles>
void ZeroSums() {
  _tile_zero(0);
  if constexpr (kColumnTiles == 2) _tile_zero(1);
  if constexpr (kRowTiles == 2) _tile_zero(2);
  if constexpr (kRowTiles == 2 && kColumnTiles == 2) _tile_zero(3);
}

template <int kRowTiles, int kColumnTiles>
void AddTileProduct(const TileProduct& product, WeightsAhead& ahead) {
  const BFloat16Bits* rows = product.rows;
  const BFloat16Bits* more_rows = rows + kTile * product.stride;
  const uint32_t* weights = product.weights;
  const int64_t row_bytes = 2 * product.stride, width_bytes = 4 * product.width;
  for (int64_t step = 0; step < product.steps; ++step) {
    _tile_loadd(4, rows, row_bytes);
    _tile_loadd(6, weights, width_bytes);
    if constexpr (kColumnTiles == 2) _tile_loadd(7, weights + product.second, width_bytes);
    if constexpr (kRowTiles == 2) _tile_loadd(5, more_rows, row_bytes);
    ahead.Fetch();
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kColumnTiles == 2) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kRowTiles == 2) _tile_dpbf16ps(2, 5, 6);
    if constexpr (kRowTiles == 2 && kColumnTiles == 2) _tile_dpbf16ps(3, 5, 7);
    rows += kStep;
    more_rows += kStep;
    weights += kTile * product.width;
  }
}

// `row_bytes` apart.
template <int kRowTiles, int kColumnTiles>
void StoreSums(float* sums, int64_t row_bytes) {
  float* more_sums = sums + kTile * row_bytes / 4;
  _tile_stored(0, sums, row_bytes);
  if constexpr (kColumnTiles == 2) _tile_stored(1, sums + kTile, row_bytes);
  if constexpr (kRowTiles == 2) _tile_stored(2, more_sums, row_bytes);
  if constexpr (kRowTiles == 2 && kColumnTiles == 2) {
    _tile_stored(3, more_sums + kTile, row_bytes);
  }
}

// run(row, row tiles, rows) for all rows in turn, with tiles for as many.
template <typename Run>
void ForEachSquare(int64_t begin, int64_t end, const Run& run) {
  int64_t row = begin;
  if (row + kSquare <= end) ConfigureTiles(kSquare);
  for (; row + kSquare <= end; row += kSquare) run(row, std::integral_constant<int, 2>(), kSquare);
  if (row == end) return;
  ConfigureTiles(end - row);
  WithCount<2>(DivideUp(end - row, kTile), [&](auto tiles) { run(row, tiles, end - row); });
}

// The inputs of some rows that fill no whole step, with zeros behind them.
class TailRows {
 public:
  TailRows(const GemmRows<BFloat16Bits>& rows, int64_t inputs, int64_t begin, int64_t end,
           AlignedVector<BFloat16Bits>& space)
      : begin_(begin), words_(WordsOf<BFloat16Bits>(inputs % kStep)), data_(nullptr) {
    if (words_ == 0) return;
    space.Reserve((end - begin) * kStep);
    const BFloat16Bits* in = rows.data + begin * rows.stride + inputs / kStep * kStep;
    auto* out = reinterpret_cast<uint32_t*>(space.data());
    const Mask mask = FirstLanes(words_);
    for (int64_t row = begin; row < end; ++row, in += rows.stride, out += kTile) {
      StoreWords(out, LoadWords(mask, in));
    }
    data_ = space.data();
  }

  int64_t words() const { return words_; }
  const BFloat16Bits* Row(int64_t row) const { return data_ + (row - begin_) * kStep; }

 private:
  const int64_t begin_;
  const int64_t words_;
  const BFloat16Bits* data_;
};

// One of the products of a call: its rows, and the weights of as many columns as a square has.
template <int kColumnTiles>
class Factor {
 public:
  // `second` as in TileProduct.
  Factor(const GemmRows<BFloat16Bits>& rows, const TailRows& tail, int64_t inputs,
         const PackedMatrix<BFloat16Bits>& weights, int64_t panel, int64_t column, int64_t second)
      : rows_(rows),
        tail_(tail),
        steps_(inputs / kStep),
        weights_(weights.panel(panel) + column),
        width_(weights.panel_width(panel)),
        second_(second) {
    const uint32_t* in = weights_ + steps_ * kTile * width_;
    for (int64_t word = 0; word < (tail_.words() == 0 ? 0 : kTile); ++word, in += width_) {
      const bool zero = word >= tail_.words();
      StoreWords(tail_weights_ + word * kSquare, zero ? SetWord(0) : LoadWords(in));
      if constexpr (kColumnTiles == 2) {
        StoreWords(tail_weights_ + word * kSquare + kTile,
                   zero ? SetWord(0) : LoadWords(in + second_));
      }
    }
    BeforeTiles();
  }

  template <int kRowTiles>
  void Add(int64_t row, WeightsAhead& ahead) const {
    AddTileProduct<kRowTiles, kColumnTiles>(
        {rows_.data + row * rows_.stride, rows_.stride, weights_, width_, second_, steps_}, ahead);
    if (tail_.words() == 0) return;
    AddTileProduct<kRowTiles, kColumnTiles>(
        {tail_.Row(row), kStep, tail_weights_, kSquare, kTile, /*steps=*/1}, ahead);
  }

 private:
  const GemmRows<BFloat16Bits>& rows_;
  const TailRows& tail_;
  const int64_t steps_;
  const uint32_t* const weights_;
  const int64_t width_;
  const int64_t second_;
  alignas(64) uint32_t tail_weights_[kTile * kSquare];
};

// Rows [begin, end) of a call.
struct RowBlock {
  const GemmCall<BFloat16Bits>& call;
  int64_t begin, end;
  const TailRows& tail;
  const TailRows& more_tail;
};

// A strip of a square's columns, or of half as many.
template <int kColumnTiles>
void RunTileStrip(const RowBlock& block, const Strip<BFloat16Bits>& strip, WeightsAhead ahead) {
  const GemmCall<BFloat16Bits>& call = block.call;
  const bool gated = call.weights->gated();
  const Factor<kColumnTiles> factor(call.rows, block.tail, call.inputs, *call.weights, strip.panel,
                                    strip.column, gated ? kPanel / 2 : kTile);
  std::optional<Factor<kColumnTiles>> more;
  if (call.more_weights != nullptr) {
    more.emplace(call.more_rows, block.more_tail, call.more_inputs, *call.more_weights, strip.panel,
                 strip.column, kTile);
  }
  alignas(64) float sums[kSquare * kSquare];
  WeightsAhead nothing;
  ForEachSquare(block.begin, block.end, [&](int64_t row, auto row_tiles, int64_t rows) {
    ZeroSums<row_tiles(), kColumnTiles>();
    factor.template Add<row_tiles()>(row, ahead);
    if (more.has_value()) more->template Add<row_tiles()>(row, nothing);
    StoreSums<row_tiles(), kColumnTiles>(sums, kSquareBytes);
    if (gated) {
      const GatedOutputs<BFloat16Bits> outputs(call, strip.first, strip.valid);
      for (int64_t r = 0; r < rows; ++r) {
        outputs.Write(row + r, Load(sums + r * kSquare), Load(sums + r * kSquare + kTile));
      }
      return;
    }
    for (int half = 0; half < kColumnTiles; ++half) {
      const Outputs<BFloat16Bits> outputs(call, strip.first + half * kTile,
                                          strip.valid - half * kTile);
      for (int64_t r = 0; r < rows; ++r) {
        outputs.Write(row + r, Load(sums + r * kSquare + half * kTile));
      }
    }
  });
}

// One panel, in strips.
inline void RunTilePanel(const RowBlock& block, int64_t panel) {
  const GemmCall<BFloat16Bits>& call = block.call;
  const PackedMatrix<BFloat16Bits>& weights = *call.weights;
  const int columns = weights.gated() ? kTile : kSquare;
  const int64_t first = panel * weights.panel_outputs();
  const int64_t outputs = std::min<int64_t>(weights.panel_outputs(), call.outputs - first);
  const int64_t words = WordsOf<BFloat16Bits>(call.inputs), width = weights.panel_width(panel);
  for (int64_t column = 0; column < outputs; column += columns) {
    const int64_t valid = std::min<int64_t>(columns, outputs - column);
    WeightsAhead ahead;
    ahead.width = width;
    ahead.second = weights.gated() ? kPanel / 2 : kTile;
    ahead.at = weights.panel(panel) + column + columns;
    // Of the next panel, if there is none in this one.
    if (column + columns >= outputs) ahead.at = weights.panel(panel + 1);
    ahead.end = ahead.at + words * width;
    if (column + columns >= outputs && first + weights.panel_outputs() >= call.outputs) {
      ahead.end = ahead.at;
    }
    ahead.rows_per_step = DivideUp(kTile * kSquare, block.end - block.begin);
    const Strip<BFloat16Bits> strip = {call, panel, column, first + column, valid};
    if (weights.gated() || valid > kTile) {
      RunTileStrip<2>(block, strip, ahead);
    } else {
      RunTileStrip<1>(block, strip, ahead);
    }
  }
}

inline void TileGemm(const GemmCall<BFloat16Bits>& call, const Parallel& parallel) {
  const int64_t most_rows = std::max<int64_t>(kSquare, kBlockBytes / (2 * call.inputs));
  ShareGemm(call, parallel, kSquare,
            [&](int64_t begin, int64_t end, int64_t first_panel, int64_t last_panel) {
              thread_local AlignedVector<BFloat16Bits> tail_space, more_tail_space;
              if (begin == end || first_panel == last_panel) return;
              const int64_t blocks = DivideUp(end - begin, most_rows);
              const int64_t rows = DivideUp(DivideUp(end - begin, blocks), kSquare) * kSquare;
              for (int64_t row = begin; row < end; row += rows) {
                const int64_t row_end = std::min(end, row + rows);
                const TailRows tail(call.rows, call.inputs, row, row_end, tail_space);
                const TailRows more_tail(call.more_rows, call.more_inputs, row, row_end,
                                         more_tail_space);
                for (int64_t panel = first_panel; panel < last_panel; ++panel) {
                  if (call.LeavesOut(panel)) continue;
                  RunTilePanel({call, row, row_end, tail, more_tail}, panel);
                }
              }
              _tile_release();
            });
}

// Scores of up to 32 queries, whose components lie in `queries`, filled up to whole steps.
template <int kRowTiles>
void ScoreTiles(const Head<BFloat16Bits>& head, const BFloat16Bits* queries) {
  WeightsAhead nothing;
  const int64_t words = head.words();
  for (int64_t key = 0; key < head.call.tokens; key += kSquare) {
    const uint32_t* keys = head.space.keys.data() + key / kPanel * words * kPanel + key % kPanel;
    ZeroSums<kRowTiles, 2>();
    AddTileProduct<kRowTiles, 2>({queries, 2 * words, keys, kPanel, kTile, words / kTile}, nothing);
    StoreSums<kRowTiles, 2>(head.space.scores.data() + key, 4 * head.padded_tokens());
  }
}

// weights·values of up to 32 queries.
template <int kRowTiles>
void WeighTiles(const Head<BFloat16Bits>& head, int64_t query, int64_t rows,
                const float* inverse_sums) {
  WeightsAhead nothing;
  alignas(64) float sums[kSquare * kSquare];
  const int64_t words = head.token_words();
  for (int component = 0; component < head.call.head_dim; component += kSquare) {
    const uint32_t* values =
        head.space.values.data() + component / kPanel * words * kPanel + component % kPanel;
    ZeroSums<kRowTiles, 2>();
    AddTileProduct<kRowTiles, 2>({head.space.weights.data(), head.padded_tokens(), values, kPanel,
                                  kTile, words / kTile},
                                 nothing);
    StoreSums<kRowTiles, 2>(sums, kSquareBytes);
    for (int64_t r = 0; r < rows; ++r) {
      BFloat16Bits* out = head.out + (query + r) * head.call.out_stride + component;
      for (int half = 0; half < kSquare; half += kTile) {
        const Mask mask = FirstLanes(head.call.head_dim - component - half);
        Element<BFloat16Bits>::Store(
            out + half, mask, Multiply(Load(sums + r * kSquare + half), Set(inverse_sums[r])));
      }
    }
  }
}

inline void RunTileHead(const Head<BFloat16Bits>& head) {
  PackKeys(head);
  PackValues(head);
  const int64_t words = head.words(), padded = head.padded_tokens();
  head.space.scores.Reserve(kSquare * padded);
  head.space.weights.Reserve(kSquare * padded);
  // Softmax fills whole registers; a step of tokens is two of them.
  for (int64_t row = 0; row < kSquare; ++row) {
    BFloat16Bits* rest = head.space.weights.data() + (row + 1) * padded - kPanel;
    for (int i = 0; i < kPanel; i += kStep) {
      StoreWords(reinterpret_cast<uint32_t*>(rest + i), SetWord(0));
    }
  }
  alignas(64) uint32_t queries[kSquare * kLargestHead / 2];
  float inverse_sums[kSquare];
  ForEachSquare(0, head.call.queries, [&](int64_t query, auto row_tiles, int64_t rows) {
    for (int64_t r = 0; r < rows; ++r) {
      const BFloat16Bits* in = head.query + (query + r) * head.call.stride;
      for (int64_t word = 0; word < words; word += kTile) {
        const Mask mask = FirstLanes(WordsOf<BFloat16Bits>(head.call.head_dim) - word);
        StoreWords(queries + r * words + word, LoadWords(mask, in + 2 * word));
      }
    }
    BeforeTiles();
    ScoreTiles<row_tiles()>(head, reinterpret_cast<const BFloat16Bits*>(queries));
    for (int r = 0; r < rows; ++r) inverse_sums[r] = Softmax(head, r);
    BeforeTiles();
    WeighTiles<row_tiles()>(head, query, rows, inverse_sums);
  });
  _tile_release();
}

inline void TileAttention(const AttentionCall<BFloat16Bits>& call, const Parallel& parallel) {
  ForEachHead(call, parallel, [&](int64_t image, int64_t head) {
    RunTileHead(Head<BFloat16Bits>(call, image, head, /*step=*/kTile));
  });
}

}  // namespace
}  // namespace snapvit
