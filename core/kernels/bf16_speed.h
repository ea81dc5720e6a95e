// How much faster this processor multiplies bf16 than f32: it need not be at all. Intel's, where a
// hypervisor hides AMX, have products of bf16 at less than the speed of f32's.
#ifndef SNAPVIT_CORE_KERNELS_BF16_SPEED_H_
#define SNAPVIT_CORE_KERNELS_BF16_SPEED_H_

#include "core/kernels/kernels.h"

namespace snapvit {

// Time of a product of f32 ÷ the time of the same of bf16, on one thread, by these kernels: the
// least of some runs in turn, a few milliseconds each.
double MeasureBfloat16SpeedUp(const Kernels<BFloat16Bits>& bfloat16, const Kernels<float>& float32);

// Of the fastest kernels of each, measured once in the process. 0 if there are none for bf16.
double Bfloat16SpeedUp();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_BF16_SPEED_H_
