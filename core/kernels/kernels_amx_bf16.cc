#include "core/kernels/kernels_amx.h"

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
#pragma clang attribute push(                                                                 \
    __attribute__((                                                                           \
        target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,amx-tile,amx-bf16"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,amx-tile,amx-bf16")
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
#include "core/kernels/amx_tiles_impl.h"
#include "core/kernels/amx_gemm_impl.h"
#include "core/kernels/amx_attention_impl.h"
// clang-format on

namespace snapvit {

const Kernels<BFloat16Bits>& AmxBf16Kernels() {
  // Weights wait to be used for less time than they take to come from the third cache: twice as
  // many rows as elsewhere share them (ViT-B: 10 % faster).
  static constexpr Kernels<BFloat16Bits> kTable = {"AMX BF16",
                                                   2 * kRowsAlone,
                                                   TileGemm<BFloat16Bits>,
                                                   TileAttention,
                                                   LayerNorm<BFloat16Bits>,
                                                   Position<BFloat16Bits>,
                                                   Convert<BFloat16Bits>,
                                                   Expand};
  return kTable;
}

}  // namespace snapvit

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
