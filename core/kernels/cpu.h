// What the processor that runs us can do.
#ifndef SNAPVIT_CORE_KERNELS_CPU_H_
#define SNAPVIT_CORE_KERNELS_CPU_H_

namespace snapvit {

// AVX-512 F, BW, DQ, VL and BF16, and an operating system that saves their registers.
bool CpuHasAvx512Bf16();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_CPU_H_
