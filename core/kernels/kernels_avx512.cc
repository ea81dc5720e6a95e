#include "core/kernels/kernels_avx512.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

// Everything below is compiled for these processors, everything above (inline functions of headers,
// which other files share) for all.
#if defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

#include "core/kernels/kernels_avx512_impl.h"

namespace snapvit {
namespace {

template <>
struct Element<float> {
  static constexpr int kExpDegree = 6;
  static __m512 MulAdd(__m512 sum, __m512i value, __m512i weights) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(value), _mm512_castsi512_ps(weights), sum);
  }
  static void Store(float* out, __mmask16 mask, __m512 x) { _mm512_mask_storeu_ps(out, mask, x); }
  static __m512i TwoRows(const float* a, const float* /*b*/, __mmask16 mask) {
    return _mm512_castps_si512(_mm512_maskz_loadu_ps(mask, a));
  }
  static float ToFloat(float x) { return x; }
};

}  // namespace

const Kernels<float>& Avx512Kernels() { return Table<float>(); }

}  // namespace snapvit

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
