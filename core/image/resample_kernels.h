// The two inner loops of resize (internal): weighted sums of bytes along a row and across rows,
// exact in 32-bit integers, so that all implementations give the same bits.
#ifndef SNAPVIT_CORE_IMAGE_RESAMPLE_KERNELS_H_
#define SNAPVIT_CORE_IMAGE_RESAMPLE_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "core/image/resample_taps.h"

namespace snapvit {

struct ResampleKernels {
  // Name for benchmarks and test output.
  const char* name;

  // out[(r * taps.size() + i) * 3 + c] for each of `rows` rows of RGB, `in_stride` bytes apart.
  // Each input row is of `in_width` pixels and taps stay inside it.
  void (*horizontal)(const uint8_t* in, size_t in_stride, int in_width, int rows,
                     const ResampleTaps& taps, uint8_t* out);

  // out[b] = the sum over k < count of in[k * in_stride + b] * weights[k], for b < bytes.
  void (*vertical)(const uint8_t* in, size_t in_stride, size_t bytes, const int32_t* weights,
                   int count, uint8_t* out);
};

// Plain C++.
const ResampleKernels& PortableResampleKernels();
// AVX2; null where the compiler's target or this CPU has none.
const ResampleKernels* Avx2ResampleKernels();
// The fastest for this CPU, chosen once.
const ResampleKernels& BestResampleKernels();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_RESAMPLE_KERNELS_H_
