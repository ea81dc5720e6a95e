// CompactMatrix: a PackedMatrix<float> of bf16 values, in half the memory. The kernels read what
// Expand makes of it.
#ifndef SNAPVIT_CORE_KERNELS_COMPACT_MATRIX_H_
#define SNAPVIT_CORE_KERNELS_COMPACT_MATRIX_H_

#include <cstddef>
#include <cstdint>

#include "core/kernels/aligned.h"
#include "core/kernels/packed_matrix.h"

namespace snapvit {

// Immutable once made.
class CompactMatrix {
 public:
  CompactMatrix() = default;
  // As PackedMatrix::Pack.
  static CompactMatrix Pack(const BFloat16Bits* values, int64_t inputs, int64_t outputs,
                            int64_t input_stride, int64_t output_stride);

  // `matrix` becomes the whole matrix; its memory is used again.
  void Expand(PackedMatrix<float>& matrix) const;

  int64_t outputs() const { return outputs_; }
  bool empty() const { return outputs_ == 0; }
  size_t bytes() const { return halves_.bytes(); }

 private:
  int64_t inputs_ = 0;
  int64_t outputs_ = 0;
  AlignedVector<BFloat16Bits> halves_;  // of the words of the matrix, those that are not zero
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_COMPACT_MATRIX_H_
