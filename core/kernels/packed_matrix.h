// PackedMatrix: a weight matrix [inputs, outputs] in the layout that the kernels read: panels of 64
// outputs, the last one of what is left; of each panel two strips of 32 outputs, one after the
// other (of f32 one of 64); of each strip, input by input, the weights side by side, in words of
// one f32, of two bf16 or of four int8 of neighbouring inputs. The first k inputs of a strip are
// its first bytes, and the first n outputs are the first strips: a smaller model is a slice in
// either direction, and is read where it lies. (What one strip has of some inputs stays in the
// first cache of AMX's processors; of half of each row of 64 it would not, as that is half of the
// cache's sets. Tiles of f32 read whole rows, and are 3 to 5 % faster on rows of 64.)
//
// int8 weights are kept as unsigned bytes, 128 too large: processors multiply signed bytes with
// unsigned ones. Weights are the ones that are shifted, as what a sum then has too much depends on
// the row alone (RowScale), not on how many inputs a view has.
#ifndef SNAPVIT_CORE_KERNELS_PACKED_MATRIX_H_
#define SNAPVIT_CORE_KERNELS_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>

#include "core/kernels/aligned.h"

namespace snapvit {

// bf16 values as their bits.
using BFloat16Bits = uint16_t;

inline constexpr int kPanel = 64;  // outputs of a panel
template <typename T>
inline constexpr int kStrip = sizeof(T) == sizeof(float) ? kPanel : 32;  // of a strip
inline constexpr int kPanelStep = 16;  // what the last strip's width is a multiple of, unless less

// Values of T in a word of four bytes.
template <typename T>
inline constexpr int kValuesOfWord = 4 / sizeof(T);

template <typename T>
class CompactMatrix;

// T: BFloat16Bits, float or int8_t. Immutable once made, but by CompactMatrix.
template <typename T>
class PackedMatrix {
 public:
  PackedMatrix() = default;

  // Weight (i, o) is values[i·input_stride + o·output_stride].
  static PackedMatrix Pack(const T* values, int64_t inputs, int64_t outputs, int64_t input_stride,
                           int64_t output_stride);

  // A gated layer: each panel has 32 gates, and behind them the values of the same channels.
  // `outputs` channels; `gate` and `value` as values above.
  static PackedMatrix PackGated(const T* gate, const T* value, int64_t inputs, int64_t outputs,
                                int64_t input_stride, int64_t output_stride);

  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }  // channels of a gated layer
  bool gated() const { return gated_; }
  // Outputs (channels) of one panel, of the last one at most.
  int panel_outputs() const { return gated_ ? kPanel / 2 : kPanel; }
  // Words of a row of a panel, over all strips.
  int panel_width(int64_t index) const { return index + 1 < panels_ ? kPanel : last_width_; }
  // Words of a row of the strip that the column is in.
  int strip_width(int64_t panel, int64_t column) const {
    const int before = column < kStrip<T> ? 0 : kStrip<T>;
    const int width = panel_width(panel) - before;
    return width < kStrip<T> ? width : kStrip<T>;
  }
  bool empty() const { return outputs_ == 0; }
  size_t bytes() const { return words_.bytes(); }

  // Rows of a strip; the last one is filled up with zero. Behind the last word a register may be
  // read.
  int64_t rows() const { return (inputs_ + kValuesOfWord<T> - 1) / kValuesOfWord<T>; }
  const uint32_t* panel(int64_t index) const { return words_.data() + index * rows() * kPanel; }
  // A column's word of the first row; the others are strip_width() apart.
  const uint32_t* column(int64_t panel, int64_t column) const {
    const int64_t strip = column < kStrip<T> ? column : rows() * kStrip<T> + column - kStrip<T>;
    return this->panel(panel) + strip;
  }

 private:
  friend class CompactMatrix<T>;

  // Makes room for such a matrix, and no less; what the words are is open.
  void Reshape(int64_t inputs, int64_t outputs, bool gated);
  // Zeros.
  PackedMatrix(int64_t inputs, int64_t outputs, bool gated);

  int64_t inputs_ = 0;
  int64_t outputs_ = 0;
  int64_t panels_ = 0;
  int last_width_ = 0;
  bool gated_ = false;
  AlignedVector<uint32_t> words_;
};

extern template class PackedMatrix<BFloat16Bits>;
extern template class PackedMatrix<float>;
extern template class PackedMatrix<int8_t>;

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_PACKED_MATRIX_H_
