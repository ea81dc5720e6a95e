// Workspace: the scratch memory of a forward pass. Internal to packed_pass.cc.
#ifndef SNAPVIT_CORE_ELASTIC_PACKED_WORKSPACE_H_
#define SNAPVIT_CORE_ELASTIC_PACKED_WORKSPACE_H_

#include <cstdint>

#include "core/elastic/packed_pass.h"
#include "core/kernels/aligned.h"
#include "core/kernels/kernels.h"

namespace snapvit {

inline int64_t Even(int64_t n) { return (n + 1) / 2 * 2; }

// Rows of int8, as many elements apart as the widest have, and more: whole cache lines.
class Int8Space {
 public:
  void Reserve(int64_t rows, int64_t width) {
    data_.Reserve(rows * Stride(width));
    scales_.Reserve(rows);
  }
  // From row `first` on, to write and to read.
  Int8Rows Out(int64_t first, int64_t width) {
    return {data_.data() + first * Stride(width), Stride(width), scales_.data() + first};
  }
  GemmRows<int8_t> Rows(int64_t first, int64_t width) const {
    return {data_.data() + first * Stride(width), Stride(width), scales_.data() + first};
  }

 private:
  static int64_t Stride(int64_t width) { return (width + 63) / 64 * 64; }

  AlignedVector<int8_t> data_;
  AlignedVector<RowScale> scales_;
};

// Grows to the largest batch of its thread, whatever the views: memory that grew view by view would
// leave holes behind. W as in PackedWeights.
template <typename W>
struct Workspace {
  using T = ResultOf<W>;

  AlignedVector<float> x;  // [B·N, D], the residual stream
  AlignedVector<T> input;  // [B·N, D or 3·p·p]: what a half or the patch embedding reads
  // Of the half of a block that is computed. Units [B·N, H·dh or h], of each view [rows, H'·dh or
  // h'], and behind those of attention what they are made of: [B·N, H·3·dh], of each view
  // [rows, H'·3·dh].
  AlignedVector<T> half;
  // What layers of int8 read in place of `input` and `units`.
  Int8Space int8_input, int8_units;
  // Of each view's corrections: [rows, rank], and the tables.
  AlignedVector<T> low[kMostViews];
  PackedMatrix<T> table_in, tables_out[kMostViews];
};

template <typename W>
Workspace<W>& ThreadWorkspace() {
  thread_local Workspace<W> workspace;
  return workspace;
}

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_PACKED_WORKSPACE_H_
