// The matrix product and attention of core/kernels/kernels.h on AMX, whose registers are tiles: of
// 16 rows of 16 f32 sums, of 16 rows of 32 bf16, or of 16 words × 16 outputs of a PackedMatrix,
// which lie there as the processor reads them. Included as functions_impl.h is, after
// element_bf16_impl.h. Intel, Architecture Instruction Set Extensions Programming Reference, "Intel
// AMX".

namespace snapvit {
namespace {

constexpr int kTile = 16;           // rows, columns and words of a tile
constexpr int kSquare = 2 * kTile;  // rows and columns that a thread computes at once
constexpr int kStep = 2 * kTile;    // inputs of a tile
constexpr int kTileWords = 16 * 16;
constexpr int kTileBytes = 64;             // of a row of a tile
constexpr int kSquareBytes = 4 * kSquare;  // of a row of sums
// Of rows that stay in a core's second cache while all panels pass by (ViT-B and 2 MiB: 0.7 MB is
// 3 to 10 % faster than 0.4 or 1.3).
constexpr int64_t kBlockBytes = 700'000;
// As kPartInputs: so that the weights come from the third cache once for many rows, not again and
// again for few long ones.
constexpr int64_t kTilePartInputs = 768;

// What a compiler must have written before tiles read it: GCC's intrinsics do not say so.
inline void BeforeTiles() { asm volatile("" ::: "memory"); }

// How the thread's tiles are laid out. Tiles 0 to 3 are sums of the first rows with both halves of
// the columns, and of the second rows; 4 and 5 rows, 6 and 7 weights.
class TileLayout {
 public:
  TileLayout() = default;
  TileLayout(const TileLayout&) = delete;
  TileLayout& operator=(const TileLayout&) = delete;
  ~TileLayout() {
    if (rows_ > 0) _tile_release();
  }

  bool IsFor(int64_t rows) const { return rows_ == rows; }
  // For 1 to 32 rows. Takes the time of several tiles.
  void Set(int64_t rows) {
    if (IsFor(rows)) return;
    rows_ = rows;
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

 private:
  int64_t rows_ = 0;
};

// Rows and weights of `steps` times 32 inputs. A step of the rows is a tile of the first 16 rows
// and one of the others, each a kilobyte.
struct TileProduct {
  const uint32_t* rows;
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

// between() is called in each step, and runs while the products are made.
template <int kRowTiles, int kColumnTiles, typename Between>
void AddTileProduct(const TileProduct& product, const Between& between) {
  const uint32_t* rows = product.rows;
  const uint32_t* weights = product.weights;
  const int64_t width_bytes = 4 * product.width;
  for (int64_t step = 0; step < product.steps; ++step) {
    _tile_loadd(4, rows, kTileBytes);
    _tile_loadd(6, weights, width_bytes);
    if constexpr (kColumnTiles == 2) _tile_loadd(7, weights + product.second, width_bytes);
    if constexpr (kRowTiles == 2) _tile_loadd(5, rows + kTileWords, kTileBytes);
    between();
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kColumnTiles == 2) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kRowTiles == 2) _tile_dpbf16ps(2, 5, 6);
    if constexpr (kRowTiles == 2 && kColumnTiles == 2) _tile_dpbf16ps(3, 5, 7);
    rows += 2 * kTileWords;
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

// run(row, row tiles, rows) for all rows, with tiles for as many: those that are left of whole
// squares first, if tiles are laid out for them, and last otherwise.
template <typename Run>
void ForEachSquare(int64_t begin, int64_t end, TileLayout& layout, const Run& run) {
  const int64_t left = (end - begin) % kSquare;
  const auto run_left = [&] {
    layout.Set(left);
    WithCount<2>(DivideUp(left, kTile), [&](auto tiles) { run(end - left, tiles, left); });
  };
  const bool left_first = left > 0 && layout.IsFor(left);
  if (left_first) run_left();
  for (int64_t row = begin; row < end - left; row += kSquare) {
    layout.Set(kSquare);
    run(row, std::integral_constant<int, 2>(), kSquare);
  }
  if (left > 0 && !left_first) run_left();
}

// Rows as tiles, which are read faster than rows that lie apart: 32 at a time, step by step, the
// last step filled up with zeros.
class TileRows {
 public:
  // Words that so many rows take.
  static int64_t Words(int64_t rows, int64_t inputs) {
    return DivideUp(rows, kSquare) * DivideUp(inputs, kStep) * 2 * kTileWords;
  }

  // Copies rows [begin, end) of `inputs` inputs (0: there are none) to `space`, and knows them by
  // their numbers.
  TileRows(const GemmRows<BFloat16Bits>& rows, int64_t inputs, int64_t begin, int64_t end,
           uint32_t* space)
      : begin_(begin), square_words_(Words(1, inputs)), data_(space) {
    if (inputs == 0) return;
    const int64_t words = WordsOf<BFloat16Bits>(inputs);
    for (int64_t i = 0; i < end - begin; ++i) {
      const BFloat16Bits* in = rows.data + (begin + i) * rows.stride;
      uint32_t* out = space + i / kSquare * square_words_ + i % kSquare * kTile;
      for (int64_t word = 0; word < words; word += kTile, out += 2 * kTileWords) {
        StoreWords(out, LoadWords(FirstLanes(words - word), in + 2 * word));
      }
    }
    BeforeTiles();
  }

  // Those from `row` on, the first of 32.
  const uint32_t* Square(int64_t row) const {
    return data_ + (row - begin_) / kSquare * square_words_;
  }

 private:
  const int64_t begin_;
  const int64_t square_words_;
  const uint32_t* const data_;
};

// One of the products of a call: its rows, and the weights of as many columns as a square has.
template <int kColumnTiles>
class Factor {
 public:
  // `weights`: of the first column and input. `width` and `second` as in TileProduct.
  Factor(const TileRows& rows, int64_t inputs, const uint32_t* weights, int64_t width,
         int64_t second)
      : rows_(rows),
        steps_(inputs / kStep),
        weights_(weights),
        width_(width),
        second_(second),
        has_tail_(inputs % kStep != 0) {
    if (!has_tail_) return;
    // Behind the last row of a panel there may be nothing to read.
    const int64_t words = WordsOf<BFloat16Bits>(inputs % kStep);
    const uint32_t* in = weights_ + steps_ * kTile * width_;
    for (int64_t word = 0; word < kTile; ++word, in += width_) {
      uint32_t* out = tail_weights_ + word * kSquare;
      StoreWords(out, word < words ? LoadWords(in) : SetWord(0));
      if constexpr (kColumnTiles == 2) {
        StoreWords(out + kTile, word < words ? LoadWords(in + second_) : SetWord(0));
      }
    }
    BeforeTiles();
  }

  template <int kRowTiles, typename Between>
  void Add(int64_t row, const Between& between) const {
    const uint32_t* rows = rows_.Square(row);
    AddTileProduct<kRowTiles, kColumnTiles>({rows, weights_, width_, second_, steps_}, between);
    if (!has_tail_) return;
    AddTileProduct<kRowTiles, kColumnTiles>(
        {rows + steps_ * 2 * kTileWords, tail_weights_, kSquare, kTile, /*steps=*/1}, between);
  }

 private:
  const TileRows& rows_;
  const int64_t steps_;
  const uint32_t* const weights_;
  const int64_t width_;
  const int64_t second_;
  const bool has_tail_;
  alignas(64) uint32_t tail_weights_[kTile * kSquare];
};

// A square of sums that becomes outputs row by row, while the next one is computed: the tile
// unit works beside the vector units. Two such take turns.
class PendingOutputs {
 public:
  float* sums() { return sums_; }

  // The sums of `rows` rows from `row` on and of `column_tiles` halves of a strip are there.
  void Begin(const Strip<BFloat16Bits>& strip, int64_t row, int64_t rows, int column_tiles) {
    row_ = row;
    at_ = 0;
    end_ = rows;
    gated_ = strip.call.weights->gated();
    halves_ = gated_ ? 1 : column_tiles;
    for (int half = 0; half < halves_; ++half) {
      outputs_[half].emplace(strip.call, strip.first + half * kTile, strip.valid - half * kTile);
    }
  }

  int64_t left() const { return end_ - at_; }

  // Writes the next `count` rows, or those that are left.
  void Write(int64_t count) {
    for (const int64_t end = std::min(end_, at_ + count); at_ < end; ++at_) {
      const float* sum = sums_ + at_ * kSquare;
      if (gated_) {
        outputs_[0]->Write(row_ + at_, Load(sum), Load(sum + kTile));
        continue;
      }
      for (int half = 0; half < halves_; ++half) {
        outputs_[half]->Write(row_ + at_, Load(sum + half * kTile));
      }
    }
  }

 private:
  alignas(64) float sums_[kSquare * kSquare];
  std::optional<Outputs<BFloat16Bits>> outputs_[2];
  int64_t row_ = 0;
  int64_t at_ = 0, end_ = 0;  // rows of the square
  int halves_ = 1;            // of columns that are outputs of their own
  bool gated_ = false;
};

// What a thread computes squares with: one is computed while the one before becomes outputs.
class Squares {
 public:
  TileLayout& layout() { return layout_; }
  PendingOutputs& now() { return pending_[now_]; }
  PendingOutputs& before() { return pending_[1 - now_]; }
  void Next() { now_ = 1 - now_; }

 private:
  TileLayout layout_;
  PendingOutputs pending_[2];
  int now_ = 0;
};

// Some rows of a call.
struct RowBlock {
  // Words that its rows take.
  static int64_t Words(const GemmShare<BFloat16Bits>& share) {
    return TileRows::Words(share.end - share.begin, share.call->inputs) +
           TileRows::Words(share.end - share.begin, share.call->more_inputs);
  }

  RowBlock(const GemmShare<BFloat16Bits>& share, uint32_t* space, Squares& squares_of_all)
      : call(*share.call),
        begin(share.begin),
        end(share.end),
        first_word(share.first_word),
        rows(call.rows, call.inputs, begin, end, space),
        more_rows(call.more_rows, call.more_inputs, begin, end,
                  space + TileRows::Words(end - begin, call.inputs)),
        squares(squares_of_all) {}

  const GemmCall<BFloat16Bits>& call;
  const int64_t begin, end;
  const int64_t first_word;  // of a panel's rows
  const TileRows rows;
  const TileRows more_rows;
  Squares& squares;
};

// A strip of a square's columns, or of half as many.
template <int kColumnTiles>
void RunTileStrip(const RowBlock& block, const Strip<BFloat16Bits>& strip, WeightsAhead ahead) {
  const GemmCall<BFloat16Bits>& call = block.call;
  const Factor<kColumnTiles> factor(block.rows, call.inputs, strip.weights(), strip.width(),
                                    call.weights->gated() ? kPanel / 2 : kTile);
  std::optional<Factor<kColumnTiles>> more;
  if (call.more_weights != nullptr) {
    more.emplace(block.more_rows, call.more_inputs,
                 call.more_weights->panel(strip.panel) + strip.column,
                 call.more_weights->panel_width(strip.panel), kTile);
  }
  const int64_t steps = DivideUp(call.inputs, kStep) + DivideUp(call.more_inputs, kStep);
  const auto run = [&](int64_t row, auto row_tiles, int64_t rows) {
    PendingOutputs& before = block.squares.before();
    const int64_t rows_at_once = DivideUp(before.left(), steps);
    const auto between = [&] {
      ahead.Fetch();
      before.Write(rows_at_once);
    };
    ZeroSums<row_tiles(), kColumnTiles>();
    factor.template Add<row_tiles()>(row, between);
    if (more.has_value()) more->template Add<row_tiles()>(row, between);
    StoreSums<row_tiles(), kColumnTiles>(block.squares.now().sums(), kSquareBytes);
    block.squares.now().Begin(strip, row, rows, kColumnTiles);
    block.squares.Next();
  };
  ForEachSquare(block.begin, block.end, block.squares.layout(), run);
}

// One panel, in strips.
inline void RunTilePanel(const RowBlock& block, int64_t panel) {
  if (block.begin == block.end) return;
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
    ahead.at += block.first_word * width;
    ahead.end = ahead.at + words * width;
    if (column + columns >= outputs && first + weights.panel_outputs() >= call.outputs) {
      ahead.end = ahead.at;
    }
    ahead.rows_per_step = DivideUp(kTile * kSquare, block.end - block.begin);
    const Strip<BFloat16Bits> strip = {call,   block.first_word, panel,
                                       column, first + column,   valid};
    if (weights.gated() || valid > kTile) {
      RunTileStrip<2>(block, strip, ahead);
    } else {
      RunTileStrip<1>(block, strip, ahead);
    }
  }
}

inline void RunTileShares(std::span<const GemmShare<BFloat16Bits>> shares) {
  thread_local AlignedVector<uint32_t> space;
  int64_t bytes = 0;
  for (const auto& share : shares) bytes += (share.end - share.begin) * share.call->inputs * 2;
  const int64_t blocks = DivideUp(bytes, kBlockBytes);
  Squares squares;
  for (int64_t block = 0; block < blocks; ++block) {
    GemmShare<BFloat16Bits> parts[kMostCalls];
    int64_t words = 0;
    for (size_t i = 0; i < shares.size(); ++i) {
      parts[i] = shares[i].Block(block, blocks, kSquare);
      words += RowBlock::Words(parts[i]);
    }
    // At once for the largest views: memory that grows view by view leaves holes behind.
    space.Reserve(std::max<int64_t>(words, kBlockBytes / sizeof(uint32_t)));
    std::optional<RowBlock> rows[kMostCalls];
    words = 0;
    for (size_t i = 0; i < shares.size(); ++i) {
      rows[i].emplace(parts[i], space.data() + words, squares);
      words += RowBlock::Words(parts[i]);
    }
    ForEachPanel(shares, [&](size_t i, int64_t panel) { RunTilePanel(*rows[i], panel); });
    squares.before().Write(squares.before().left());
  }
}

inline void TileGemm(std::span<const GemmCall<BFloat16Bits>> calls, const Parallel& parallel) {
  ShareGemm(calls, parallel, kSquare, kTilePartInputs, RunTileShares);
}

// Scores of up to 32 queries.
template <int kRowTiles>
void ScoreTiles(const Head<BFloat16Bits>& head, const uint32_t* queries) {
  const int64_t words = head.words();
  for (int64_t key = 0; key < head.call.tokens; key += kSquare) {
    const uint32_t* keys = head.space.keys.data() + key / kPanel * words * kPanel + key % kPanel;
    ZeroSums<kRowTiles, 2>();
    AddTileProduct<kRowTiles, 2>({queries, keys, kPanel, kTile, words / kTile}, [] {});
    StoreSums<kRowTiles, 2>(head.space.scores.data() + key, 4 * head.padded_tokens());
  }
}

// weights·values of up to 32 queries.
template <int kRowTiles>
void WeighTiles(const Head<BFloat16Bits>& head, const uint32_t* weights, int64_t query,
                int64_t rows, const float* inverse_sums) {
  alignas(64) float sums[kSquare * kSquare];
  const int64_t words = head.token_words();
  for (int component = 0; component < head.call.head_dim; component += kSquare) {
    const uint32_t* values =
        head.space.values.data() + component / kPanel * words * kPanel + component % kPanel;
    ZeroSums<kRowTiles, 2>();
    AddTileProduct<kRowTiles, 2>({weights, values, kPanel, kTile, words / kTile}, [] {});
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

inline void RunTileHead(const Head<BFloat16Bits>& head, TileLayout& layout) {
  thread_local AlignedVector<uint32_t> query_space, weight_space;
  PackKeys(head);
  PackValues(head);
  head.space.scores.Reserve(kSquare * head.padded_tokens());
  head.space.weights.Reserve(kSquare * head.padded_tokens());
  query_space.Reserve(TileRows::Words(head.call.queries, head.call.head_dim));
  weight_space.Reserve(TileRows::Words(kSquare, head.call.tokens));
  const TileRows queries({head.query, head.call.stride}, head.call.head_dim, 0, head.call.queries,
                         query_space.data());
  float inverse_sums[kSquare];
  ForEachSquare(0, head.call.queries, layout, [&](int64_t query, auto row_tiles, int64_t rows) {
    ScoreTiles<row_tiles()>(head, queries.Square(query));
    for (int r = 0; r < rows; ++r) inverse_sums[r] = Softmax(head, r);
    const TileRows weights({head.space.weights.data(), head.padded_tokens()}, head.call.tokens, 0,
                           rows, weight_space.data());
    WeighTiles<row_tiles()>(head, weights.Square(0), query, rows, inverse_sums);
  });
}

inline void TileAttention(const AttentionCall<BFloat16Bits>& call, const Parallel& parallel) {
  ForEachHead(call, parallel, [&](int64_t image, int64_t head) {
    TileLayout layout;
    RunTileHead(Head<BFloat16Bits>(call, image, head, /*step=*/kTile), layout);
  });
}

}  // namespace
}  // namespace snapvit
