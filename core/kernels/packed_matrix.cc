#include "core/kernels/packed_matrix.h"

#include <algorithm>
#include <bit>

namespace snapvit {
namespace {

// One row of a panel: word `row` of `count` outputs, side by side.
void PackRow(const BFloat16Bits* values, int64_t row, int64_t inputs, int64_t count,
             int64_t input_stride, int64_t output_stride, uint32_t* out) {
  const BFloat16Bits* even = values + 2 * row * input_stride;
  const bool has_odd = 2 * row + 1 < inputs;
  for (int64_t o = 0; o < count; ++o) {
    const uint32_t low = even[o * output_stride];
    const uint32_t high = has_odd ? even[o * output_stride + input_stride] : 0;
    out[o] = low | high << 16;
  }
}
void PackRow(const float* values, int64_t row, int64_t /*inputs*/, int64_t count,
             int64_t input_stride, int64_t output_stride, uint32_t* out) {
  for (int64_t o = 0; o < count; ++o) {
    out[o] = std::bit_cast<uint32_t>(values[row * input_stride + o * output_stride]);
  }
}

}  // namespace

template <typename T>
PackedMatrix<T>::PackedMatrix(int64_t inputs, int64_t outputs, int width, bool gated)
    : inputs_(inputs), outputs_(outputs), width_(width), gated_(gated) {
  const int64_t panels = (outputs + panel_outputs() - 1) / panel_outputs();
  const int64_t behind = narrow() ? kNarrowPanel : 0;
  words_.Reserve(panels * rows() * width_ + behind);
  std::fill_n(words_.data(), words_.size(), 0);
}

template <typename T>
PackedMatrix<T> PackedMatrix<T>::Pack(const T* values, int64_t inputs, int64_t outputs,
                                      int64_t input_stride, int64_t output_stride) {
  const int width = outputs > 0 && outputs <= kNarrowPanel ? static_cast<int>(outputs) : kPanel;
  PackedMatrix packed(inputs, outputs, width, /*gated=*/false);
  uint32_t* out = packed.words_.data();
  for (int64_t first = 0; first < outputs; first += width) {
    const int64_t count = std::min<int64_t>(width, outputs - first);
    for (int64_t row = 0; row < packed.rows(); ++row, out += width) {
      PackRow(values + first * output_stride, row, inputs, count, input_stride, output_stride, out);
    }
  }
  return packed;
}

template <typename T>
PackedMatrix<T> PackedMatrix<T>::PackGated(const T* gate, const T* value, int64_t inputs,
                                           int64_t outputs, int64_t input_stride,
                                           int64_t output_stride) {
  constexpr int64_t kHalf = kPanel / 2;
  PackedMatrix packed(inputs, outputs, kPanel, /*gated=*/true);
  uint32_t* out = packed.words_.data();
  for (int64_t first = 0; first < outputs; first += kHalf) {
    const int64_t count = std::min(kHalf, outputs - first);
    for (int64_t row = 0; row < packed.rows(); ++row, out += kPanel) {
      const int64_t offset = first * output_stride;
      PackRow(gate + offset, row, inputs, count, input_stride, output_stride, out);
      PackRow(value + offset, row, inputs, count, input_stride, output_stride, out + kHalf);
    }
  }
  return packed;
}

template class PackedMatrix<BFloat16Bits>;
template class PackedMatrix<float>;

}  // namespace snapvit
