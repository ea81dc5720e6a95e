// Kernels for processors with AVX-512. Their files are compiled for these processors alone: call
// only where CpuHasAvx512(), of bf16 also CpuHasAvx512Bf16().
#ifndef SNAPVIT_CORE_KERNELS_KERNELS_AVX512_H_
#define SNAPVIT_CORE_KERNELS_KERNELS_AVX512_H_

#include "core/kernels/kernels.h"

namespace snapvit {

const Kernels<float>& Avx512Kernels();
const Kernels<BFloat16Bits>& Avx512Bf16Kernels();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_KERNELS_AVX512_H_
