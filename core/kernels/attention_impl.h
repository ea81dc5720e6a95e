// Attention of core/kernels/kernels.h. Included as functions_impl.h is, after gemm_impl.h.

namespace snapvit {
namespace {

// What one thread needs for one head of one image; kept between calls.
template <typename T>
struct AttentionSpace {
  AlignedVector<uint32_t> keys;    // panels of 64 keys: [words of head_dim][64]
  AlignedVector<uint32_t> values;  // panels of 64 components: [words of tokens][64]
  AlignedVector<float> scores;     // [rows of a tile][tokens, whole panels]
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
  Head(const AttentionCall<T>& attention, int64_t image, int64_t head, int64_t step)
      : call(attention),
        query(call.qkv + image * call.tokens * call.stride + head * 3 * call.head_dim),
        key(query + call.head_dim),
        value(key + call.head_dim),
        out(call.out + image * call.queries * call.out_stride + head * call.head_dim),
        space(ThreadSpace<T>()),
        word_step(step) {}

  const AttentionCall<T>& call;
  const T* query;
  const T* key;
  const T* value;
  T* out;
  AttentionSpace<T>& space;
  int64_t word_step;  // panels have whole steps of words, filled up with zeros

  // Words of a query or key, and of a component of all values.
  int64_t words() const { return Filled(WordsOf<T>(call.head_dim)); }
  int64_t token_words() const { return Filled(WordsOf<T>(call.tokens)); }
  int64_t padded_tokens() const { return DivideUp(call.tokens, kPanel) * kPanel; }

 private:
  int64_t Filled(int64_t words) const { return DivideUp(words, word_step) * word_step; }
};

// Keys become columns: squares of as many keys and words as a register has lanes are turned.
template <typename T>
void PackKeys(const Head<T>& head) {
  const int64_t words = head.words(), tokens = head.call.tokens;
  head.space.keys.Reserve(head.padded_tokens() * words);
  for (int64_t token = 0; token < head.padded_tokens(); token += kLanes) {
    uint32_t* out = head.space.keys.data() + token / kPanel * words * kPanel + token % kPanel;
    for (int64_t word = 0; word < words; word += kLanes) {
      const Mask mask = FirstLanes(WordsOf<T>(head.call.head_dim) - word);
      Words square[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) {
        const T* in = head.key + (token + i) * head.call.stride + word * kValuesOfWord<T>;
        square[i] = token + i < tokens ? LoadWords(mask, in) : SetWord(0);
      }
      Transpose(square);
      for (int64_t i = 0; i < std::min<int64_t>(kLanes, words - word); ++i) {
        StoreWords(out + (word + i) * kPanel, square[i]);
      }
    }
  }
}

template <typename T>
void PackValues(const Head<T>& head) {
  const int64_t tokens = head.call.tokens, words = head.token_words();
  head.space.values.Reserve(DivideUp(head.call.head_dim, kPanel) * words * kPanel);
  for (int64_t word = 0; word < words; ++word) {
    const int64_t token = word * kValuesOfWord<T>;
    const T* in = head.value + token * head.call.stride;
    const T* next = token + 1 < tokens ? in + head.call.stride : nullptr;
    for (int64_t d = 0; d < head.call.head_dim; d += kLanes) {
      uint32_t* out = head.space.values.data() + d / kPanel * words * kPanel + word * kPanel;
      const Mask mask = FirstLanes(token < tokens ? head.call.head_dim - d : 0);
      StoreWords(out + d % kPanel,
                 Element<T>::TwoRows(in + d, next == nullptr ? nullptr : next + d, mask));
    }
  }
}

// Scores of R queries and V vectors of keys, from `first` on.
template <typename T, int R, int V>
void Score(const Head<T>& head, int64_t query, int64_t first) {
  Tile<T, R, V> tile;
  const uint32_t* keys = head.space.keys.data() + first / kPanel * head.words() * kPanel;
  tile.template Accumulate<false, V>(head.query + query * head.call.stride, head.call.stride,
                                     {keys + first % kPanel, kPanel}, head.words());
  for (int r = 0; r < R; ++r) {
    float* scores = head.space.scores.data() + r * head.padded_tokens() + first;
    for (int v = 0; v < V; ++v) Store(scores + v * kLanes, tile.sum[r][v]);
  }
}

// Turns the scores of one query into weights exp(scale·(score − largest)), the rest of the last
// register zero. Returns 1 ÷ their sum (of the f32 weights).
template <typename T>
float Softmax(const Head<T>& head, int row) {
  const int64_t tokens = head.call.tokens;
  float* scores = head.space.scores.data() + row * head.padded_tokens();
  T* weights = head.space.weights.data() + row * head.padded_tokens();
  const Floats lowest = Set(-INFINITY);
  Floats largest = lowest;
  for (int64_t i = 0; i < tokens; i += kLanes) {
    largest = Larger(largest, Select(FirstLanes(tokens - i), Load(scores + i), lowest));
  }
  const float factor = kLog2E / std::sqrt(static_cast<float>(head.call.head_dim));
  const Floats scale = Set(factor);
  const Floats top = Set(factor * Largest(largest));
  const Mask all = FirstLanes(kLanes);
  Floats sum = Zeros();
  for (int64_t i = 0; i < tokens; i += kLanes) {
    const Floats x = MultiplySubtract(Load(scores + i), scale, top);
    const Floats weight = Select(FirstLanes(tokens - i), Exp2<Element<T>::kExpDegree>(x));
    sum = Add(sum, weight);
    Element<T>::Store(weights + i, all, weight);
  }
  return 1 / Sum(sum);
}

// weights·values of R queries for V vectors of the head's components, from `first` on.
template <typename T, int R, int V>
void Weigh(const Head<T>& head, int64_t query, const float* inverse_sums, int first) {
  Tile<T, R, V> tile;
  const int64_t words = head.token_words();
  const uint32_t* values = head.space.values.data() + first / kPanel * words * kPanel;
  tile.template Accumulate<false, V>(head.space.weights.data(), head.padded_tokens(),
                                     {values + first % kPanel, kPanel}, words);
  for (int r = 0; r < R; ++r) {
    const Floats factor = Set(inverse_sums[r]);
    for (int v = 0; v < V; ++v) {
      const int at = first + v * kLanes;
      Element<T>::Store(head.out + (query + r) * head.call.out_stride + at,
                        FirstLanes(head.call.head_dim - at), Multiply(tile.sum[r][v], factor));
    }
  }
}

template <typename T, int R>
void Attend(const Head<T>& head, int64_t query) {
  for (int64_t first = 0; first < head.call.tokens; first += kTileColumns) {
    WithCount<kTileVectors>(DivideUp(head.call.tokens - first, kLanes),
                            [&](auto vectors) { Score<T, R, vectors()>(head, query, first); });
  }
  float inverse_sums[R];
  for (int r = 0; r < R; ++r) inverse_sums[r] = Softmax(head, r);
  for (int first = 0; first < head.call.head_dim; first += kTileColumns) {
    WithCount<kTileVectors>(DivideUp(head.call.head_dim - first, kLanes), [&](auto vectors) {
      Weigh<T, R, vectors()>(head, query, inverse_sums, first);
    });
  }
}

template <typename T>
void RunHead(const Head<T>& head) {
  PackKeys(head);
  PackValues(head);
  head.space.scores.Reserve(kTileRows * head.padded_tokens());
  head.space.weights.Reserve(kTileRows * head.padded_tokens());
  for (int64_t query = 0; query < head.call.queries; query += kTileRows) {
    WithCount<kTileRows>(head.call.queries - query,
                         [&](auto rows) { Attend<T, rows()>(head, query); });
  }
}

// run_head(image, head) on the threads.
template <typename T, typename RunHead>
void ForEachHead(const AttentionCall<T>& call, const Parallel& parallel, const RunHead& run_head) {
  const int64_t total = int64_t{call.images} * call.heads;
  parallel.run([&](int thread) {
    const int64_t end = total * (thread + 1) / parallel.threads;
    for (int64_t i = total * thread / parallel.threads; i < end; ++i) {
      run_head(i / call.heads, i % call.heads);
    }
  });
}

template <typename T>
void Attention(const AttentionCall<T>& call, const Parallel& parallel) {
  ForEachHead(call, parallel, [&](int64_t image, int64_t head) {
    RunHead(Head<T>(call, image, head, /*step=*/1));
  });
}

}  // namespace
}  // namespace snapvit
