#include "core/kernels/kernels.h"

#include "core/kernels/cpu.h"
#include "core/kernels/kernels_avx512.h"

namespace snapvit {

#if defined(__x86_64__)
template <>
const Kernels<BFloat16Bits>* CpuKernels() {
  static const bool has = CpuHasAvx512() && CpuHasAvx512Bf16();
  return has ? &Avx512Bf16Kernels() : nullptr;
}
template <>
const Kernels<float>* CpuKernels() {
  static const bool has = CpuHasAvx512();
  return has ? &Avx512Kernels() : nullptr;
}
#else
template <>
const Kernels<BFloat16Bits>* CpuKernels() {
  return nullptr;
}
template <>
const Kernels<float>* CpuKernels() {
  return nullptr;
}
#endif

}  // namespace snapvit
