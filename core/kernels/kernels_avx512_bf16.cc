#include "core/kernels/kernels_avx512.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

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

// Each needs the ones before it.
// clang-format off
#include "core/kernels/simd_avx512.h"
#include "core/kernels/functions_impl.h"
#include "core/kernels/gemm_impl.h"
#include "core/kernels/attention_impl.h"
#include "core/kernels/norms_impl.h"
// clang-format on

namespace snapvit {
namespace {

template <>
struct Element<BFloat16Bits> {
  static constexpr int kExpDegree = 5;  // weights are rounded to 8 bits
  static Floats MulAdd(Floats sum, Words value, Words weights) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(value),
                            reinterpret_cast<__m512bh>(weights));
  }
  static void Store(BFloat16Bits* out, Mask mask, Floats x) {
    _mm256_mask_storeu_epi16(out, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
  }
  static Words TwoRows(const BFloat16Bits* a, const BFloat16Bits* b, Mask mask) {
    const Words low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, a));
    if (b == nullptr) return low;
    const Words high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, b));
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

const Kernels<BFloat16Bits>& Avx512Bf16Kernels() {
  static constexpr Kernels<BFloat16Bits> kTable = MakeTable<BFloat16Bits>("AVX-512 BF16");
  return kTable;
}

}  // namespace snapvit

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
