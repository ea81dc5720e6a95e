// CompactMatrix: a PackedMatrix of bf16 values in half the memory: of f32 as bf16, of bf16 as
// bytes, with a scale for each input or each output. The kernels read what their expand() makes of
// it.
#ifndef SNAPVIT_CORE_KERNELS_COMPACT_MATRIX_H_
#define SNAPVIT_CORE_KERNELS_COMPACT_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/kernels/aligned.h"
#include "core/kernels/packed_matrix.h"

namespace snapvit {

// What the values that share a scale have in common. Of a low-rank table: its rank's dimension.
enum class ScaleOf { kInput, kOutput };

// T: BFloat16Bits or float. Immutable once made.
template <typename T>
class CompactMatrix {
 public:
  CompactMatrix() = default;
  // As PackedMatrix::Pack. f32 values are exact, bf16 ones are off by the 254th part of the largest
  // of their scale at most, and then rounded.
  static CompactMatrix Pack(const BFloat16Bits* values, int64_t inputs, int64_t outputs,
                            int64_t input_stride, int64_t output_stride, ScaleOf scale_of);

  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }
  bool empty() const { return outputs_ == 0; }
  size_t bytes() const { return halves_.bytes() + scales_.size() * sizeof(float); }

  // In place of each word of the matrix: the upper half of an f32, or two signed bytes, the first
  // input's in the lower half.
  std::span<const uint16_t> halves() const { return {halves_.data(), halves_.size()}; }
  ScaleOf scale_of() const { return scale_of_; }
  // Of bytes; of inputs an even number, of outputs as many as whole panels have.
  const float* scales() const { return scales_.data(); }

  // Gives `matrix` this one's shape, in the memory that it has if that is enough; its words, as
  // many as there are halves, are to be written.
  uint32_t* Prepare(PackedMatrix<T>& matrix) const;

 private:
  int64_t inputs_ = 0;
  int64_t outputs_ = 0;
  AlignedVector<uint16_t> halves_;
  ScaleOf scale_of_ = ScaleOf::kOutput;
  std::vector<float> scales_;
};

extern template class CompactMatrix<BFloat16Bits>;
extern template class CompactMatrix<float>;

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_COMPACT_MATRIX_H_
