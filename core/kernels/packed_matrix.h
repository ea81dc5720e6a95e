// PackedMatrix: a weight matrix [inputs, outputs] in bf16, in the layout that the kernels read:
// panels of 64 (or 16) outputs; of each panel, for every pair of inputs, the pairs of weights
// side by side. The first k inputs of a panel are its first bytes, and the first n outputs are the
// first panels: a smaller model is a slice in either direction, and is read where it lies.
#ifndef SNAPVIT_CORE_KERNELS_PACKED_MATRIX_H_
#define SNAPVIT_CORE_KERNELS_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>

#include "core/kernels/aligned.h"

namespace snapvit {

// bf16 values as their bits.
using BFloat16Bits = uint16_t;

// Immutable once made.
class PackedMatrix {
 public:
  static constexpr int kPanel = 64;        // outputs of a panel
  static constexpr int kNarrowPanel = 16;  // the same for matrices of few outputs

  PackedMatrix() = default;

  // Weight (i, o) is values[i·input_stride + o·output_stride]. `panel_width`: 16, 32, 48 or 64:
  // fewer for matrices of few outputs, whose panels would be mostly padding.
  static PackedMatrix Pack(const BFloat16Bits* values, int64_t inputs, int64_t outputs,
                           int64_t input_stride, int64_t output_stride, int panel_width = kPanel);

  // A gated layer: each panel has 32 gates and the 32 values of the same channels. `outputs`
  // channels; `gate` and `value` as values above.
  static PackedMatrix PackGated(const BFloat16Bits* gate, const BFloat16Bits* value, int64_t inputs,
                                int64_t outputs, int64_t input_stride, int64_t output_stride);

  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }  // channels of a gated layer
  bool gated() const { return gated_; }
  // Outputs (channels) of one panel.
  int panel_outputs() const { return gated_ ? width_ / 2 : width_; }
  int panel_width() const { return width_; }
  bool empty() const { return outputs_ == 0; }
  size_t bytes() const { return words_.bytes(); }

  // Pairs of inputs, the last one padded with zero: rows of a panel, of panel_width words each.
  int64_t pairs() const { return (inputs_ + 1) / 2; }
  const uint32_t* panel(int64_t index) const { return words_.data() + index * pairs() * width_; }

 private:
  PackedMatrix(int64_t inputs, int64_t outputs, int width, bool gated);

  int64_t inputs_ = 0;
  int64_t outputs_ = 0;
  int width_ = kPanel;
  bool gated_ = false;
  AlignedVector<uint32_t> words_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_PACKED_MATRIX_H_
