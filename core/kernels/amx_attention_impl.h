// Attention of core/kernels/kernels.h on AMX. Included as functions_impl.h is, after
// attention_impl.h and amx_tiles_impl.h.

namespace snapvit {
namespace {

// Scores of up to 32 queries.
template <int kRowTiles>
void ScoreTiles(const Head<BFloat16Bits>& head, const uint32_t* queries) {
  const int64_t words = head.words();
  for (int64_t key = 0; key < head.call.tokens; key += kSquare) {
    const uint32_t* keys = head.space.keys.data() + key / kPanel * words * kPanel + key % kPanel;
    ZeroSums<kRowTiles, 2>();
    AddTileProduct<BFloat16Bits, kRowTiles, 2, /*kRowsOnce=*/false>(
        {queries, keys, kPanel, kTile, words / kTile}, [] {});
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
    AddTileProduct<BFloat16Bits, kRowTiles, 2, /*kRowsOnce=*/false>(
        {weights, values, kPanel, kTile, words / kTile}, [] {});
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
  thread_local AlignedVector<uint32_t> query_space, weight_space;
  PackKeys(head);
  PackValues(head);
  head.space.scores.Reserve(kSquare * head.padded_tokens());
  head.space.weights.Reserve(kSquare * head.padded_tokens());
  query_space.Reserve(TileRows<BFloat16Bits>::Words(head.call.queries, head.call.head_dim));
  weight_space.Reserve(TileRows<BFloat16Bits>::Words(kSquare, head.call.tokens));
  TileRows<BFloat16Bits> queries(head.call.queries, head.call.head_dim, query_space.data());
  queries.Add({head.query, head.call.stride}, 0, head.call.queries);
  float inverse_sums[kSquare];
  const auto run = [&](int64_t query, auto row_tiles, int64_t rows) {
    ScoreTiles<row_tiles()>(head, queries.Square(query));
    for (int r = 0; r < rows; ++r) inverse_sums[r] = Softmax(head, r);
    TileRows<BFloat16Bits> weights(rows, head.call.tokens, weight_space.data());
    weights.Add({head.space.weights.data(), head.padded_tokens()}, 0, rows);
    WeighTiles<row_tiles()>(head, weights.Square(0), query, rows, inverse_sums);
  };
  TileLayout layout;
  queries.ForEachSquare(head.call.queries, layout, run);
}

inline void TileAttention(const AttentionCall<BFloat16Bits>& call, const Parallel& parallel) {
  ForEachHead(call, parallel, [&](int64_t image, int64_t head) {
    RunTileHead(Head<BFloat16Bits>(call, image, head, /*step=*/kTile));
  });
}

}  // namespace
}  // namespace snapvit
