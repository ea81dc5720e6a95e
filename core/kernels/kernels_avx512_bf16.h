// The kernels for processors with AVX-512 and its bf16 products (Cooper Lake, Sapphire Rapids, Zen
// 4 and later). Compiled with flags of their own: call only where CpuHasAvx512Bf16().
#ifndef SNAPVIT_CORE_KERNELS_KERNELS_AVX512_BF16_H_
#define SNAPVIT_CORE_KERNELS_KERNELS_AVX512_BF16_H_

#include "core/kernels/kernels.h"

namespace snapvit {

const Kernels& Avx512Bf16Kernels();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_KERNELS_AVX512_BF16_H_
