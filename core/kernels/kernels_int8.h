// Kernels of int8. Their files are compiled for these processors alone: call only where CpuHas…
// what they are named after, and of BFloat16Bits also what kernels_avx512.h asks for bf16.
#ifndef SNAPVIT_CORE_KERNELS_KERNELS_INT8_H_
#define SNAPVIT_CORE_KERNELS_KERNELS_INT8_H_

#include "core/kernels/kernels.h"

namespace snapvit {

const Int8Kernels<BFloat16Bits>& AmxInt8Kernels();
const Int8Kernels<BFloat16Bits>& Avx512VnniBf16Kernels();
const Int8Kernels<float>& Avx512VnniKernels();
const Int8Kernels<float>& AvxVnniKernels();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_KERNELS_INT8_H_
