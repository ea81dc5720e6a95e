#include "core/kernels/packed_matrix.h"

#include <algorithm>
#include <bit>

namespace snapvit {
namespace {

// One row of a strip: word `row` of `count` outputs, side by side.
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
void PackRow(const int8_t* values, int64_t row, int64_t inputs, int64_t count, int64_t input_stride,
             int64_t output_stride, uint32_t* out) {
  const int64_t first = 4 * row, end = std::min(inputs, first + 4);
  for (int64_t o = 0; o < count; ++o) {
    out[o] = 0;
    for (int64_t i = first; i < end; ++i) {
      const auto shifted =
          static_cast<uint32_t>(values[i * input_stride + o * output_stride] + 128);
      out[o] |= shifted << 8 * (i - first);
    }
  }
}

// Words of a row of the last panel, which has `outputs` outputs: a few are kept side by side
// (low-rank tables), more fill whole registers.
int LastWidth(int64_t outputs) {
  if (outputs <= kPanelStep) return static_cast<int>(outputs);
  return static_cast<int>((outputs + kPanelStep - 1) / kPanelStep * kPanelStep);
}

}  // namespace

template <typename T>
void PackedMatrix<T>::Reshape(int64_t inputs, int64_t outputs, bool gated) {
  inputs_ = inputs;
  outputs_ = outputs;
  gated_ = gated;
  panels_ = (outputs + panel_outputs() - 1) / panel_outputs();
  const int64_t left = outputs - (panels_ - 1) * panel_outputs();
  last_width_ = gated ? kPanel : LastWidth(left);
  words_.Reserve(rows() * ((panels_ - 1) * kPanel + last_width_) + kPanelStep);
}

template <typename T>
PackedMatrix<T>::PackedMatrix(int64_t inputs, int64_t outputs, bool gated) {
  if (outputs == 0) return;
  Reshape(inputs, outputs, gated);
  std::fill_n(words_.data(), words_.size(), 0);
}

template <typename T>
PackedMatrix<T> PackedMatrix<T>::Pack(const T* values, int64_t inputs, int64_t outputs,
                                      int64_t input_stride, int64_t output_stride) {
  PackedMatrix packed(inputs, outputs, /*gated=*/false);
  uint32_t* out = packed.words_.data();
  for (int64_t first = 0; first < outputs; first += kStrip<T>) {
    const int64_t count = std::min<int64_t>(kStrip<T>, outputs - first);
    const int width = packed.strip_width(first / kPanel, first % kPanel);
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
  PackedMatrix packed(inputs, outputs, /*gated=*/true);
  constexpr int64_t kHalf = kPanel / 2;
  for (int64_t panel = 0; panel < packed.panels_; ++panel) {
    const int64_t first = panel * kHalf, count = std::min(kHalf, outputs - first);
    for (const int64_t column : {int64_t{0}, kHalf}) {
      const T* values = (column == 0 ? gate : value) + first * output_stride;
      uint32_t* out = packed.words_.data() + (packed.column(panel, column) - packed.panel(0));
      const int width = packed.strip_width(panel, column);
      for (int64_t row = 0; row < packed.rows(); ++row, out += width) {
        PackRow(values, row, inputs, count, input_stride, output_stride, out);
      }
    }
  }
  return packed;
}

template class PackedMatrix<BFloat16Bits>;
template class PackedMatrix<float>;
template class PackedMatrix<int8_t>;

}  // namespace snapvit
