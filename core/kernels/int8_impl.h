// Rows as int8, of core/kernels/kernels.h. Included as functions_impl.h is, after norms_impl.h.

namespace snapvit {
namespace {

// A row whose largest magnitude is less is one of zeros: 127 divided by it could be infinite.
constexpr float kSmallestOfRow = 1e-30F;

template <typename T>
void QuantizeRow(const T* row, int64_t count, int8_t* out, RowScale& of_row) {
  Floats largest = Zeros(), no_number = Zeros();  // 0·x, which is none if x is none or infinite
  for (int64_t i = 0; i < count; i += kLanes) {
    const Floats x = Element<T>::Load(row + i, FirstLanes(count - i));
    largest = Larger(largest, Magnitude(x));
    no_number = MultiplyAdd(x, Zeros(), no_number);
  }
  const float most = Largest(largest) + Sum(no_number);
  const Floats factor = Set(most > kSmallestOfRow ? 127 / most : 0);
  Words sum = SetWord(0);
  for (int64_t i = 0; i < count; i += kLanes) {
    const Floats x = Element<T>::Load(row + i, FirstLanes(count - i));
    const Words bytes = ToWords(Multiply(x, factor));
    StoreBytes(out + i, bytes);
    sum = Add(sum, bytes);
  }
  of_row = {most / 127, static_cast<int32_t>(128U * static_cast<uint32_t>(Sum(sum)))};
}

template <typename T>
void Quantize(const QuantizeCall<T>& call, const Parallel& parallel) {
  ShareRows(call.row_count, parallel, [&](int64_t row) {
    QuantizeRow(call.rows + row * call.stride, call.inputs, call.out.data + row * call.out.stride,
                call.out.scales[row]);
  });
}

template <typename T>
void NormToInt8(const LayerNormCall<T>& call, const Int8Rows& out, const Parallel& parallel) {
  ShareRows(call.rows, parallel, [&](int64_t row) {
    thread_local AlignedVector<float> normed;
    normed.Reserve(call.dim);
    LayerNormCall<T> one = call;
    one.x += row * call.stride;
    one.out = nullptr;
    one.out_f32 = normed.data();
    NormRow(one, 0);
    QuantizeRow(normed.data(), call.dim, out.data + row * out.stride, out.scales[row]);
  });
}

}  // namespace
}  // namespace snapvit
