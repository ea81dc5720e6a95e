// Kernels for processors with AMX. Their file is compiled for these processors alone: call only
// where CpuHasAmxBf16() and what kernels_avx512.h asks for bf16.
#ifndef SNAPVIT_CORE_KERNELS_KERNELS_AMX_H_
#define SNAPVIT_CORE_KERNELS_KERNELS_AMX_H_

#include "core/kernels/kernels.h"

namespace snapvit {

const Kernels<BFloat16Bits>& AmxBf16Kernels();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_KERNELS_AMX_H_
