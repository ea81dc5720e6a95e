#include "core/kernels/kernels_avx512.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

// Everything below is compiled for these processors, everything above (inline functions of headers,
// which other files share) for all.
#if defined(__clang__)
#pragma clang attribute push(                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")
#endif

#include "core/kernels/kernels_avx512_impl.h"

namespace snapvit {
namespace {

template <>
struct Element<BFloat16Bits> {
  static constexpr int kExpDegree = 5;  // weights are rounded to 8 bits
  static __m512 MulAdd(__m512 sum, __m512i value, __m512i weights) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(value),
                            reinterpret_cast<__m512bh>(weights));
  }
  static void Store(BFloat16Bits* out, __mmask16 mask, __m512 x) {
    _mm256_mask_storeu_epi16(out, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
  }
  static __m512i TwoRows(const BFloat16Bits* a, const BFloat16Bits* b, __mmask16 mask) {
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, a));
    if (b == nullptr) return low;
    const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, b));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
  }
  static float ToFloat(BFloat16Bits bits) {
    const uint32_t word = uint32_t{bits} << 16;
    float value;
    std::memcpy(&value, &word, sizeof(value));
    return value;
  }
};

}  // namespace

const Kernels<BFloat16Bits>& Avx512Bf16Kernels() { return Table<BFloat16Bits>(); }

}  // namespace snapvit

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
