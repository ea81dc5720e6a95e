// Norms, positions and conversion of core/kernels/kernels.h, and the table of all functions.
// Included as functions_impl.h is, after attention_impl.h.

namespace snapvit {
namespace {

// As many for each thread.
template <typename Run>
void ShareRows(int64_t rows, const Parallel& parallel, const Run& run) {
  parallel.run([&](int thread) {
    const int64_t end = rows * (thread + 1) / parallel.threads;
    for (int64_t row = rows * thread / parallel.threads; row < end; ++row) run(row);
  });
}

template <typename T>
void NormRow(const LayerNormCall<T>& call, int64_t row) {
  const float* x = call.x + row * call.stride;
  Floats sum = Zeros();
  for (int i = 0; i < call.dim; i += kLanes) {
    sum = Add(sum, Load(FirstLanes(call.dim - i), x + i));
  }
  const Floats mean = Set(Sum(sum) / static_cast<float>(call.dim));
  Floats squares = Zeros();
  for (int i = 0; i < call.dim; i += kLanes) {
    const Mask mask = FirstLanes(call.dim - i);
    const Floats d = Select(mask, Subtract(Load(mask, x + i), mean));
    squares = MultiplyAdd(d, d, squares);
  }
  const double variance = Sum(squares) / static_cast<double>(call.dim);
  const Floats inverse = Set(static_cast<float>(1 / std::sqrt(variance + call.eps)));
  for (int i = 0; i < call.dim; i += kLanes) {
    const Mask mask = FirstLanes(call.dim - i);
    const Floats d = Subtract(Load(mask, x + i), mean);
    const Floats y =
        MultiplyAdd(Multiply(d, inverse), Load(mask, call.weight + i), Load(mask, call.bias + i));
    if (call.out_f32 != nullptr) {
      Store(call.out_f32 + row * call.out_stride + i, mask, y);
    } else {
      Element<T>::Store(call.out + row * call.out_stride + i, mask, y);
    }
  }
  if (call.out != nullptr && call.dim % kValuesOfWord<T> != 0)
    call.out[row * call.out_stride + call.dim] = 0;
}

template <typename T>
void LayerNorm(const LayerNormCall<T>& call, const Parallel& parallel) {
  ShareRows(call.rows, parallel, [&](int64_t row) { NormRow(call, row); });
}

template <typename T>
void Convert(const float* in, int64_t count, T* out) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const Mask mask = FirstLanes(count - i);
    Element<T>::Store(out + i, mask, Load(mask, in + i));
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
  ShareRows(rows, parallel, [&](int64_t row) {
    for (int64_t head = 0; head < call.heads; ++head) {
      T* query = call.qkv + row * call.stride + head * 3 * call.head_dim;
      const int64_t token = row % call.tokens;
      PositionHead(call, token, call.query_weight, call.query_bias, query);
      PositionHead(call, token, call.key_weight, call.key_bias, query + call.head_dim);
    }
  });
}

constexpr int64_t kRowsAlone = 192;

template <typename T>
constexpr Kernels<T> MakeTable(const char* instruction_set) {
  return {instruction_set, kRowsAlone,  Gemm<T>,    Attention<T>,
          LayerNorm<T>,    Position<T>, Convert<T>, Expand};
}

}  // namespace
}  // namespace snapvit
