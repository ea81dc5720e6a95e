#include "core/kernels/kernels.h"

#include "core/kernels/cpu.h"
#include "core/kernels/kernels_avx512_bf16.h"

namespace snapvit {

const Kernels* CpuKernels() {
#if defined(__x86_64__)
  static const Kernels* const kernels = CpuHasAvx512Bf16() ? &Avx512Bf16Kernels() : nullptr;
  return kernels;
#else
  return nullptr;
#endif
}

}  // namespace snapvit
