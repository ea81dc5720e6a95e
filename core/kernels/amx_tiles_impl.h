// AMX, whose registers are tiles: of 16 rows of 16 sums, of 16 rows of 32 bf16 or 64 int8, or of 16
// words × 16 outputs of a PackedMatrix, which lie there as the processor reads them. Included as
// functions_impl.h is, after element_bf16_impl.h. Intel, Architecture Instruction Set Extensions
// Programming Reference, "Intel AMX".

namespace snapvit {
namespace {

constexpr int kTile = 16;           // rows, columns and words of a tile
constexpr int kSquare = 2 * kTile;  // rows and columns that a thread computes at once
constexpr int kTileWords = 16 * 16;
constexpr int kTileBytes = 64;             // of a row of a tile
constexpr int kSquareBytes = 4 * kSquare;  // of a row of sums
template <typename T>
constexpr int kStep = kTile* kValuesOfWord<OperandOf<T>>;  // inputs of a tile

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

  // For 1 to 32 rows. Takes the time of several tiles, unless they are laid out so.
  void Set(int64_t rows) {
    if (rows == rows_) return;
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

// Rows and weights of `steps` tiles' inputs. A step of the rows is a tile of the first 16 rows
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

// Sums that StoreSums has stored, `row_bytes` apart.
template <int kRowTiles, int kColumnTiles>
void ReloadSums(const float* sums, int64_t row_bytes) {
  const float* more_sums = sums + kTile * row_bytes / 4;
  _tile_loadd(0, sums, row_bytes);
  if constexpr (kColumnTiles == 2) _tile_loadd(1, sums + kTile, row_bytes);
  if constexpr (kRowTiles == 2) _tile_loadd(2, more_sums, row_bytes);
  if constexpr (kRowTiles == 2 && kColumnTiles == 2) {
    _tile_loadd(3, more_sums + kTile, row_bytes);
  }
}

// The first or the second 16 rows: those that are not read again soon leave the first cache to
// others. (The tiles' numbers are part of the instruction.)
template <int kRowTile, bool kOnce>
void LoadRows(const uint32_t* rows) {
  if constexpr (kRowTile == 0 && kOnce) _tile_stream_loadd(4, rows, kTileBytes);
  if constexpr (kRowTile == 1 && kOnce) _tile_stream_loadd(5, rows, kTileBytes);
  if constexpr (kRowTile == 0 && !kOnce) _tile_loadd(4, rows, kTileBytes);
  if constexpr (kRowTile == 1 && !kOnce) _tile_loadd(5, rows, kTileBytes);
}

// Tile 0, 1, 2 or 3 += rows·weights.
template <typename T, int kSum>
void MultiplyTiles() {
  if constexpr (kIsInt8<T>) {
    if constexpr (kSum == 0) _tile_dpbsud(0, 4, 6);
    if constexpr (kSum == 1) _tile_dpbsud(1, 4, 7);
    if constexpr (kSum == 2) _tile_dpbsud(2, 5, 6);
    if constexpr (kSum == 3) _tile_dpbsud(3, 5, 7);
  } else {
    if constexpr (kSum == 0) _tile_dpbf16ps(0, 4, 6);
    if constexpr (kSum == 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kSum == 2) _tile_dpbf16ps(2, 5, 6);
    if constexpr (kSum == 3) _tile_dpbf16ps(3, 5, 7);
  }
}

// between() is called in each step, and runs while the products are made. kRowsOnce: see LoadRows.
template <typename T, int kRowTiles, int kColumnTiles, bool kRowsOnce, typename Between>
void AddTileProduct(const TileProduct& product, const Between& between) {
  const uint32_t* rows = product.rows;
  const uint32_t* weights = product.weights;
  const int64_t width_bytes = 4 * product.width;
  for (int64_t step = 0; step < product.steps; ++step) {
    LoadRows<0, kRowsOnce>(rows);
    _tile_loadd(6, weights, width_bytes);
    if constexpr (kColumnTiles == 2) _tile_loadd(7, weights + product.second, width_bytes);
    if constexpr (kRowTiles == 2) LoadRows<1, kRowsOnce>(rows + kTileWords);
    between();
    MultiplyTiles<T, 0>();
    if constexpr (kColumnTiles == 2) MultiplyTiles<T, 1>();
    if constexpr (kRowTiles == 2) MultiplyTiles<T, 2>();
    if constexpr (kRowTiles == 2 && kColumnTiles == 2) MultiplyTiles<T, 3>();
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

// Rows as tiles, which are read faster than rows that lie apart: a square at a time, step by step,
// the last step filled up with zeros. Squares are alike, since laying out tiles for a few rows that
// would be left takes longer than computing a few rows in vain.
template <typename T>
class TileRows {
 public:
  // Words that so many rows take.
  static int64_t Words(int64_t rows, int64_t inputs) {
    return DivideUp(rows, kSquare) * DivideUp(inputs, kStep<T>) * 2 * kTileWords;
  }

  // Room for `rows` rows (at least one) of `inputs` inputs in `space`.
  TileRows(int64_t rows, int64_t inputs, uint32_t* space)
      : inputs_(inputs),
        square_rows_(DivideUp(rows, DivideUp(rows, kSquare))),
        square_words_(Words(1, inputs)),
        data_(space) {}

  // Copies `count` rows; their numbers follow those of the rows before.
  void Add(const GemmRows<OperandOf<T>>& rows, int64_t begin, int64_t count) {
    const int64_t words = WordsOf<OperandOf<T>>(inputs_);
    for (int64_t i = begin, end = begin + count; i < end;) {
      // Those of one square together, as the lines of their tiles are neighbours.
      const int64_t at = count_ % square_rows_, some = std::min(end - i, square_rows_ - at);
      const OperandOf<T>* in = rows.data + i * rows.stride;
      uint32_t* out = data_ + count_ / square_rows_ * square_words_ + at * kTile;
      for (int64_t word = 0; word < words; word += kTile, out += 2 * kTileWords) {
        const OperandOf<T>* values = in + kValuesOfWord<OperandOf<T>> * word;
        const Mask mask = FirstLanes(words - word);
        for (int64_t r = 0; r < some; ++r, values += rows.stride) {
          StoreWords(out + r * kTile, LoadWords(mask, values));
        }
      }
      i += some;
      count_ += some;
    }
    BeforeTiles();
  }

  // Those from `row` on, the first of a square.
  const uint32_t* Square(int64_t row) const { return data_ + row / square_rows_ * square_words_; }

  // run(row, row tiles, rows) for the first `rows` rows, square by square.
  template <typename Run>
  void ForEachSquare(int64_t rows, TileLayout& layout, const Run& run) const {
    layout.Set(square_rows_);
    WithCount<2>(DivideUp(square_rows_, kTile), [&](auto tiles) {
      for (int64_t row = 0; row < rows; row += square_rows_) {
        run(row, tiles, std::min(square_rows_, rows - row));
      }
    });
  }

 private:
  const int64_t inputs_;
  const int64_t square_rows_;
  const int64_t square_words_;
  uint32_t* const data_;
  int64_t count_ = 0;
};

}  // namespace
}  // namespace snapvit
