// What the processor that runs us can do.
#ifndef SNAPVIT_CORE_KERNELS_CPU_H_
#define SNAPVIT_CORE_KERNELS_CPU_H_

namespace snapvit {

// AVX2 and FMA.
bool CpuHasAvx2();
// AVX-512 F, BW, DQ and VL, and an operating system that saves their registers.
bool CpuHasAvx512();
// Its products of bf16 (Cooper Lake, Sapphire Rapids, Zen 4 and later).
bool CpuHasAvx512Bf16();
// Its products of int8 (Cascade Lake, Zen 4 and later).
bool CpuHasAvx512Vnni();
// Products of int8 in registers of AVX2 (Alder Lake, Zen 5 and later).
bool CpuHasAvxVnni();
// AMX with its products of bf16, or of int8 (Sapphire Rapids and later), and an operating system
// that lets this process use it, which is asked for that.
bool CpuHasAmxBf16();
bool CpuHasAmxInt8();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_CPU_H_
