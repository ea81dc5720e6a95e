// The matrix product of core/kernels/kernels.h on AMX. Included as functions_impl.h is, after
// gemm_impl.h and amx_tiles_impl.h.

namespace snapvit {
namespace {

// Of rows that stay in a core's second cache while all panels pass by (ViT-B and 2 MiB: 0.7 MB is
// 3 to 10 % faster than 0.4 or 1.3).
constexpr int64_t kBlockBytes = 700'000;
// As kPartInputs: so that the weights come from the third cache once for many rows, not again and
// again for few long ones.
template <typename T>
constexpr int64_t kTilePartInputs = 768;
template <typename T>
constexpr int64_t kTilePartInputs<Int8<T>> = kAllInputs;

// Steps whose weights of a strip (2 KB each) stay in the first cache, beside what passes through
// it, while all rows go by. (One thread, ViT-B's and ViT-S's products: 12 to 40 % faster than
// without.)
constexpr int64_t kStepsInCache = 18;

// After so many steps rows of the square before are written.
constexpr int64_t kStepsAtOnce = 4;

// From the first half of a square's columns to the second: from gates to values, or to neighbours.
template <typename T>
int64_t SecondHalf(const PackedMatrix<T>& weights) {
  return weights.gated() ? kPanel / 2 : kTile;
}

// One of the products of a call: its rows, and the weights of as many columns as a square has.
template <typename T, int kColumnTiles>
class Factor {
 public:
  // `weights`: of both halves of the columns; of one, if that is all.
  Factor(const TileRows<T>& rows, int64_t inputs, const ColumnWeights& weights)
      : rows_(rows),
        steps_(inputs / kStep<T>),
        weights_(weights.first),
        width_(weights.width),
        second_(weights.second),
        has_tail_(inputs % kStep<T> != 0) {
    if (!has_tail_) return;
    // Behind the last row of a panel there may be nothing to read.
    const int64_t words = WordsOf<OperandOf<T>>(inputs % kStep<T>);
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

  // The last one may have fewer inputs.
  int64_t steps() const { return steps_ + (has_tail_ ? 1 : 0); }

  // Of steps [begin, end).
  template <int kRowTiles, typename Between>
  void Add(int64_t row, int64_t begin, int64_t end, const Between& between) const {
    const uint32_t* rows = rows_.Square(row);
    AddTileProduct<T, kRowTiles, kColumnTiles, /*kRowsOnce=*/true>(
        {rows + begin * 2 * kTileWords, weights_ + begin * kTile * width_, width_, second_,
         std::min(end, steps_) - begin},
        between);
    if (end <= steps_) return;
    AddTileProduct<T, kRowTiles, kColumnTiles, /*kRowsOnce=*/true>(
        {rows + steps_ * 2 * kTileWords, tail_weights_, kSquare, kTile, /*steps=*/1}, between);
  }

 private:
  const TileRows<T>& rows_;
  const int64_t steps_;
  const uint32_t* const weights_;
  const int64_t width_;
  const int64_t second_;
  const bool has_tail_;
  alignas(64) uint32_t tail_weights_[kTile * kSquare];
};

// Rows of some calls that read the same inputs of the same weights, one call's after another's, the
// ones with the most outputs first: the rows that some outputs are wanted of are always the first.
template <typename T>
class RowBlock {
 public:
  // Rows [first, end) of the block are those of a call from `begin` on.
  struct Piece {
    const GemmCall<T>* call = nullptr;
    int64_t begin = 0;
    int64_t first = 0, end = 0;
  };

  // `shares` that are not empty and pairwise fit, at least one. Its rows are copied to `space`.
  RowBlock(std::span<const GemmShare<T>> shares, uint32_t* space)
      : share_(shares.front()),
        count_(shares.size()),
        rows_(RowsOf(shares), call().inputs, space),
        more_rows_(RowsOf(shares), call().more_inputs,
                   space + TileRows<T>::Words(RowsOf(shares), call().inputs)) {
    int64_t first = 0;
    for (size_t i = 0; i < count_; ++i) {
      const GemmShare<T>& share = shares[i];
      pieces_[i] = {share.call, share.begin, first, first + share.rows()};
      rows_.Add(share.call->rows, share.begin, share.rows());
      if (call().more_inputs > 0) more_rows_.Add(share.call->more_rows, share.begin, share.rows());
      first = pieces_[i].end;
    }
  }

  // Whether the second one's rows may follow the first one's.
  static bool Fit(const GemmShare<T>& a, const GemmShare<T>& b) {
    const auto whole = [](const GemmShare<T>& share) {
      const GemmCall<T>& call = *share.call;
      return share.first_panel == 0 && call.more_weights == nullptr &&
             share.last_panel == DivideUp(call.outputs, call.weights->panel_outputs());
    };
    return whole(a) && whole(b) && a.call->inputs == b.call->inputs &&
           a.call->period == b.call->period && a.call->from == b.call->from &&
           a.call->until == b.call->until;
  }

  // Words that the rows take.
  static int64_t Words(std::span<const GemmShare<T>> shares) {
    const GemmCall<T>& call = *shares.front().call;
    return TileRows<T>::Words(RowsOf(shares), call.inputs) +
           TileRows<T>::Words(RowsOf(shares), call.more_inputs);
  }

  // Of the piece with the most outputs; what all have in common.
  const GemmCall<T>& call() const { return *share_.call; }
  const GemmShare<T>& share() const { return share_; }
  const Piece* pieces() const { return pieces_; }
  const TileRows<T>& rows() const { return rows_; }
  const TileRows<T>& more_rows() const { return more_rows_; }

  // Rows that have more than so many outputs.
  int64_t RowsWith(int64_t outputs) const {
    int64_t rows = 0;
    for (size_t i = 0; i < count_; ++i) {
      if (pieces_[i].call->outputs > outputs) rows = pieces_[i].end;
    }
    return rows;
  }

 private:
  static int64_t RowsOf(std::span<const GemmShare<T>> shares) {
    int64_t rows = 0;
    for (const GemmShare<T>& share : shares) rows += share.rows();
    return rows;
  }

  const GemmShare<T> share_;
  const size_t count_;
  Piece pieces_[kMostCalls];
  TileRows<T> rows_;
  TileRows<T> more_rows_;
};

template <typename T>
Sums<T> LoadSums(const float* sums) {
  if constexpr (kIsInt8<T>) {
    return AsWords(Load(sums));
  } else {
    return Load(sums);
  }
}

// A square of sums that becomes outputs row by row, while the next one is computed: the tile
// unit works beside the vector units. Two such take turns.
template <typename T>
class PendingOutputs {
 public:
  float* sums() { return sums_; }

  // The sums of `rows` rows of the block from `row` on are there, of `column_tiles` halves of a
  // strip that starts with output `first`.
  void Begin(const RowBlock<T>& block, int64_t first, int64_t row, int64_t rows, int column_tiles) {
    row_ = row;
    at_ = 0;
    end_ = rows;
    first_ = first;
    gated_ = block.call().weights->gated();
    halves_ = gated_ ? 1 : column_tiles;
    piece_ = block.pieces();
    while (piece_->end <= row) ++piece_;
    Open();
  }

  int64_t left() const { return end_ - at_; }

  // Writes the next `count` rows, or those that are left.
  void Write(int64_t count) {
    const int64_t end = std::min(end_, at_ + count);
    while (at_ < end) {
      if (row_ + at_ == piece_->end) {
        ++piece_;
        Open();
      }
      (this->*write_)(std::min(end, piece_->end - row_));
    }
  }

 private:
  // Outputs of the piece, and how they are written.
  void Open() {
    const GemmCall<T>& call = *piece_->call;
    for (int half = 0; half < halves_; ++half) {
      const int64_t first = first_ + half * kTile;
      outputs_[half].emplace(call, first, call.outputs - first);
    }
    write_ = WriterOf(call);
  }

  using Writer = void (PendingOutputs::*)(int64_t end);

  // What most calls do is compiled for itself, as it must not take longer than the tile unit.
  Writer WriterOf(const GemmCall<T>& call) const {
    if (gated_) return &PendingOutputs::WriteGated;
    if (halves_ == 2 && call.activation == GemmActivation::kNone) {
      return call.residual != nullptr ? &PendingOutputs::WritePairs<GemmActivation::kNone, true>
                                      : &PendingOutputs::WritePairs<GemmActivation::kNone, false>;
    }
    if (halves_ == 2 && call.activation == GemmActivation::kGelu && call.residual == nullptr) {
      return &PendingOutputs::WritePairs<GemmActivation::kGelu, false>;
    }
    return &PendingOutputs::WriteHalves;
  }

  const float* SumsAt(int64_t at) const { return sums_ + at * kSquare; }
  // Of the piece's call.
  int64_t RowAt(int64_t at) const { return row_ + at - piece_->first + piece_->begin; }

  // Rows of the square up to `end`, all of the piece.
  template <GemmActivation kActivation, bool kAdds>
  void WritePairs(int64_t end) {
    const Outputs<T> left = *outputs_[0], right = *outputs_[1];  // in registers
    const float* sums = SumsAt(at_);
    int64_t row = RowAt(at_);
    for (int64_t at = at_; at < end; ++at, ++row, sums += kSquare) {
      left.WriteAs(kActivation, kAdds, row, LoadSums<T>(sums));
      right.WriteAs(kActivation, kAdds, row, LoadSums<T>(sums + kTile));
    }
    at_ = end;
  }

  void WriteHalves(int64_t end) {
    for (; at_ < end; ++at_) {
      for (int half = 0; half < halves_; ++half) {
        outputs_[half]->Write(RowAt(at_), LoadSums<T>(SumsAt(at_) + half * kTile));
      }
    }
  }

  void WriteGated(int64_t end) {
    for (; at_ < end; ++at_) {
      outputs_[0]->Write(RowAt(at_), LoadSums<T>(SumsAt(at_)), LoadSums<T>(SumsAt(at_) + kTile));
    }
  }

  alignas(64) float sums_[kSquare * kSquare];
  std::optional<Outputs<T>> outputs_[2];
  Writer write_ = nullptr;
  const typename RowBlock<T>::Piece* piece_ = nullptr;
  int64_t first_ = 0;
  int64_t row_ = 0;
  int64_t at_ = 0, end_ = 0;  // rows of the square
  int halves_ = 1;            // of columns that are outputs of their own
  bool gated_ = false;
};

// What a thread computes squares with: one is computed while the one before becomes outputs. Where
// the inputs are taken in parts, the sums of all squares of a strip wait for the next part.
template <typename T>
class Squares {
 public:
  TileLayout& layout() { return layout_; }
  PendingOutputs<T>& now() { return pending_[now_]; }
  PendingOutputs<T>& before() { return pending_[1 - now_]; }
  void Next() { now_ = 1 - now_; }
  // Of `rows` rows.
  float* PartSums(int64_t rows) {
    thread_local AlignedVector<float> sums;
    sums.Reserve(rows * kSquare);
    return sums.data();
  }

 private:
  TileLayout layout_;
  PendingOutputs<T> pending_[2];
  int now_ = 0;
};

// A strip of a square's columns, or of half as many, of the block's first `row_count` rows.
template <typename T, int kColumnTiles>
void RunTileStrip(const RowBlock<T>& block, const Strip<T>& strip, int64_t row_count,
                  WeightsAhead ahead, Squares<T>& squares) {
  const GemmCall<T>& call = strip.call;
  const int64_t second = strip.column + SecondHalf(*call.weights);
  const Factor<T, kColumnTiles> factor(block.rows(), call.inputs, strip.weights(second));
  std::optional<Factor<T, kColumnTiles>> more;
  if (call.more_weights != nullptr) {
    more.emplace(block.more_rows(), call.more_inputs,
                 WeightsOf(*call.more_weights, strip.panel, strip.column, second));
  }
  // Gates and values are halves of two strips, which stay in no cache (packed_matrix.h).
  const int64_t parts =
      call.weights->gated() ? 1 : std::max<int64_t>(1, DivideUp(factor.steps(), kStepsInCache));
  float* const part_sums = parts > 1 ? squares.PartSums(row_count + kSquare) : nullptr;
  for (int64_t part = 0; part < parts; ++part) {
    const bool first = part == 0, last = part + 1 == parts;
    const int64_t begin = factor.steps() * part / parts, end = factor.steps() * (part + 1) / parts;
    const int64_t steps = end - begin + (last && more.has_value() ? more->steps() : 0);
    const auto run = [&](int64_t row, auto row_tiles, int64_t rows) {
      PendingOutputs<T>& before = squares.before();
      const int64_t rows_at_once = kStepsAtOnce * DivideUp(before.left(), steps);
      int64_t step = 0;
      const auto between = [&] {
        ahead.Fetch();
        if (++step % kStepsAtOnce == 0) before.Write(rows_at_once);
      };
      if (first) {
        ZeroSums<row_tiles(), kColumnTiles>();
      } else {
        ReloadSums<row_tiles(), kColumnTiles>(part_sums + row * kSquare, kSquareBytes);
      }
      factor.template Add<row_tiles()>(row, begin, end, between);
      if (!last) {
        return StoreSums<row_tiles(), kColumnTiles>(part_sums + row * kSquare, kSquareBytes);
      }
      if (more.has_value()) more->template Add<row_tiles()>(row, 0, more->steps(), between);
      before.Write(before.left());
      StoreSums<row_tiles(), kColumnTiles>(squares.now().sums(), kSquareBytes);
      squares.now().Begin(block, strip.first, row, rows, kColumnTiles);
      squares.Next();
    };
    block.rows().ForEachSquare(row_count, squares.layout(), run);
  }
}

// The first or the second half of a panel's columns, as far as the block has it.
template <typename T>
void RunTileColumns(const RowBlock<T>& block, int64_t panel, int half, Squares<T>& squares) {
  if (!block.share().Has(panel)) return;
  const GemmCall<T>& call = block.call();
  const PackedMatrix<OperandOf<T>>& weights = *call.weights;
  const int columns = weights.gated() ? kTile : kSquare;
  const int64_t column = half * columns;
  const int64_t first = panel * weights.panel_outputs() + column;
  const int64_t rows = block.RowsWith(first);
  if (rows == 0) return;
  WeightsAhead ahead;
  ahead.rows_per_step = DivideUp(kTile * kSquare, rows);
  if (first + columns < call.outputs) {  // of this panel, or of the next one
    const int64_t next_panel = half == 0 ? panel : panel + 1, next = half == 0 ? columns : 0;
    const ColumnWeights next_weights =
        WeightsOf(weights, next_panel, next, next + SecondHalf(weights), block.share().first_word);
    ahead.at = next_weights.first;
    ahead.width = next_weights.width;
    ahead.second = next_weights.second;
    ahead.end = ahead.at + WordsOf<OperandOf<T>>(call.inputs) * ahead.width;
  }
  const int64_t valid = std::min<int64_t>(columns, call.outputs - first);
  const Strip<T> strip = {call, block.share().first_word, panel, column, first, valid};
  if (weights.gated() || valid > kTile) {
    RunTileStrip<T, 2>(block, strip, rows, ahead, squares);
  } else {
    RunTileStrip<T, 1>(block, strip, rows, ahead, squares);
  }
}

// The rows of a thread's shares in as few blocks as they fit in.
template <typename T>
class RowBlocks {
 public:
  // Those with the most outputs first.
  explicit RowBlocks(std::span<const GemmShare<T>> shares) {
    thread_local AlignedVector<uint32_t> space;
    int64_t words = 0;
    ForEachGroup(shares, [&](const auto& group) { words += RowBlock<T>::Words(group); });
    // At once for the largest views: memory that grows view by view leaves holes behind.
    space.Reserve(std::max<int64_t>(words, kBlockBytes / sizeof(uint32_t)));
    words = 0;
    ForEachGroup(shares, [&](const auto& group) {
      blocks_[count_++].emplace(group, space.data() + words);
      words += RowBlock<T>::Words(group);
    });
  }

  void RunPanel(int64_t panel, Squares<T>& squares) const {
    for (const int half : {0, 1}) {
      for (size_t i = 0; i < count_; ++i) RunTileColumns(*blocks_[i], panel, half, squares);
    }
  }

 private:
  // Neighbours that fit.
  template <typename Use>
  static void ForEachGroup(std::span<const GemmShare<T>> shares, const Use& use) {
    while (!shares.empty()) {
      size_t count = 1;
      while (count < shares.size() && RowBlock<T>::Fit(shares[count - 1], shares[count])) ++count;
      use(shares.first(count));
      shares = shares.subspan(count);
    }
  }

  std::optional<RowBlock<T>> blocks_[kMostCalls];
  size_t count_ = 0;
};

template <typename T>
void RunTileShares(std::span<const GemmShare<T>> shares) {
  int64_t bytes = 0, first_panel = std::numeric_limits<int64_t>::max(), last_panel = 0;
  for (const GemmShare<T>& share : shares) {
    bytes += share.rows() * share.call->inputs * static_cast<int64_t>(sizeof(OperandOf<T>));
    first_panel = std::min(first_panel, share.first_panel);
    last_panel = std::max(last_panel, share.last_panel);
  }
  const int64_t blocks = DivideUp(bytes, kBlockBytes);
  Squares<T> squares;
  for (int64_t block = 0; block < blocks; ++block) {
    GemmShare<T> parts[kMostCalls];
    size_t count = 0;
    for (const GemmShare<T>& share : shares) {
      const GemmShare<T> part = share.Block(block, blocks, kSquare);
      if (part.empty()) continue;
      size_t at = count++;
      for (; at > 0 && parts[at - 1].call->outputs < part.call->outputs; --at) {
        parts[at] = parts[at - 1];
      }
      parts[at] = part;
    }
    const RowBlocks<T> rows({parts, count});
    for (int64_t panel = first_panel; panel < last_panel; ++panel) rows.RunPanel(panel, squares);
    squares.before().Write(squares.before().left());
  }
}

template <typename T>
void TileGemm(std::span<const GemmCall<T>> calls, const Parallel& parallel) {
  ShareGemm(calls, parallel, kSquare, kTilePartInputs<T>, RunTileShares<T>);
}

}  // namespace
}  // namespace snapvit
