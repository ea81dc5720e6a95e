#include "core/kernels/kernels_int8.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

// Everything below is compiled for these processors, everything above (inline functions of headers,
// which other files share) for all.
#if defined(__clang__)
#pragma clang attribute push(                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")
#endif

// Each needs the ones before it.
// clang-format off
#include "core/kernels/simd_avx512.h"
#include "core/kernels/functions_impl.h"
#include "core/kernels/expand_impl.h"
#include "core/kernels/gemm_impl.h"
#include "core/kernels/attention_impl.h"
#include "core/kernels/norms_impl.h"
#include "core/kernels/element_int8_avx512_impl.h"
#include "core/kernels/int8_impl.h"
// clang-format on

namespace snapvit {

const Int8Kernels<float>& Avx512VnniKernels() {
  static constexpr Int8Kernels<float> kTable = {"AVX-512 VNNI", Gemm<Int8<float>>,
                                                NormToInt8<float>, Quantize<float>};
  return kTable;
}

}  // namespace snapvit

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
