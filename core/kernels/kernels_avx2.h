// Kernels for processors with AVX2 and FMA. Their file is compiled for these processors alone: call
// only where CpuHasAvx2().
#ifndef SNAPVIT_CORE_KERNELS_KERNELS_AVX2_H_
#define SNAPVIT_CORE_KERNELS_KERNELS_AVX2_H_

#include "core/kernels/kernels.h"

namespace snapvit {

const Kernels<float>& Avx2Kernels();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_KERNELS_AVX2_H_
