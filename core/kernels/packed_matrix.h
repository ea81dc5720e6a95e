// PackedMatrix: a weight matrix [inputs, outputs] in the layout that the kernels read: panels of 64
// outputs (or of all, if they are 16 or fewer); of each panel, input by input, the weights side by
// side, in words of one f32 or of two bf16 of neighbouring inputs. The first k inputs of a panel
// are its first bytes, and the first n outputs are the first panels: a smaller model is a slice in
// either direction, and is read where it lies.
#ifndef SNAPVIT_CORE_KERNELS_PACKED_MATRIX_H_
#define SNAPVIT_CORE_KERNELS_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>

#include "core/kernels/aligned.h"

namespace snapvit {

// bf16 values as their bits.
using BFloat16Bits = uint16_t;

inline constexpr int kPanel = 64;        // outputs of a panel
inline constexpr int kNarrowPanel = 16;  // outputs that make up a panel alone, at most

// Values of T in a word of four bytes.
template <typename T>
inline constexpr int kValuesOfWord = 4 / sizeof(T);

// T: BFloat16Bits or float. Immutable once made.
template <typename T>
class PackedMatrix {
 public:
  PackedMatrix() = default;

  // Weight (i, o) is values[i·input_stride + o·output_stride].
  static PackedMatrix Pack(const T* values, int64_t inputs, int64_t outputs, int64_t input_stride,
                           int64_t output_stride);

  // A gated layer: each panel has 32 gates and the 32 values of the same channels. `outputs`
  // channels; `gate` and `value` as values above.
  static PackedMatrix PackGated(const T* gate, const T* value, int64_t inputs, int64_t outputs,
                                int64_t input_stride, int64_t output_stride);

  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }  // channels of a gated layer
  bool gated() const { return gated_; }
  // Whether all outputs are one panel of fewer than 64 words.
  bool narrow() const { return width_ != kPanel; }
  // Outputs (channels) of one panel.
  int panel_outputs() const { return gated_ ? width_ / 2 : width_; }
  int panel_width() const { return width_; }  // words
  bool empty() const { return outputs_ == 0; }
  size_t bytes() const { return words_.bytes(); }

  // Rows of a panel, of panel_width words each; the last one is filled up with zero. What is read
  // behind the last word up to kNarrowPanel words is there.
  int64_t rows() const { return (inputs_ + kValuesOfWord<T> - 1) / kValuesOfWord<T>; }
  const uint32_t* panel(int64_t index) const { return words_.data() + index * rows() * width_; }

 private:
  PackedMatrix(int64_t inputs, int64_t outputs, int width, bool gated);

  int64_t inputs_ = 0;
  int64_t outputs_ = 0;
  int width_ = kPanel;
  bool gated_ = false;
  AlignedVector<uint32_t> words_;
};

extern template class PackedMatrix<BFloat16Bits>;
extern template class PackedMatrix<float>;

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_PACKED_MATRIX_H_
