#include "core/kernels/kernels_int8.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>

// Everything below is compiled for these processors, everything above (inline functions of headers,
// which other files share) for all.
#if defined(__clang__)
#pragma clang attribute push(                                                                   \
    __attribute__((target(                                                                      \
        "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,amx-tile,amx-bf16,amx-int8"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,amx-tile,amx-bf16,amx-int8")
#endif

// Each needs the ones before it.
// clang-format off
#include "core/kernels/simd_avx512.h"
#include "core/kernels/functions_impl.h"
#include "core/kernels/expand_impl.h"
#include "core/kernels/gemm_impl.h"
#include "core/kernels/attention_impl.h"
#include "core/kernels/norms_impl.h"
#include "core/kernels/element_bf16_impl.h"
#include "core/kernels/int8_impl.h"
#include "core/kernels/amx_tiles_impl.h"
#include "core/kernels/amx_gemm_impl.h"
// clang-format on

namespace snapvit {

const Int8Kernels<BFloat16Bits>& AmxInt8Kernels() {
  static constexpr Int8Kernels<BFloat16Bits> kTable = {
      "AMX INT8", TileGemm<Int8<BFloat16Bits>>, NormToInt8<BFloat16Bits>, Quantize<BFloat16Bits>};
  return kTable;
}

}  // namespace snapvit

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
