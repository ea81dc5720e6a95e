#include "core/kernels/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace snapvit {

#if defined(__x86_64__) && defined(__linux__)
namespace {

// Whether it has tiles, and the products of them that bit `feature` of cpuid 7's EDX stands for.
bool CpuHasTiles(unsigned feature) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kAmxTile = 1U << 24;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & feature) == 0 || (edx & kAmxTile) == 0) return false;
  // Linux saves 8 KiB of tiles only for processes that ask for it
  // (Documentation/arch/x86/xstate.rst).
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool CpuHasAmxBf16() { return CpuHasTiles(1U << 22); }
bool CpuHasAmxInt8() { return CpuHasTiles(1U << 25); }
#else
bool CpuHasAmxBf16() { return false; }
bool CpuHasAmxInt8() { return false; }
#endif

#if defined(__x86_64__)
bool CpuHasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool CpuHasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool CpuHasAvx512Bf16() { return __builtin_cpu_supports("avx512bf16"); }
bool CpuHasAvx512Vnni() { return CpuHasAvx512() && __builtin_cpu_supports("avx512vnni"); }
bool CpuHasAvxVnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;  // a name that not all compilers know
  constexpr unsigned kAvxVnni = 1U << 4;
  return CpuHasAvx2() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 &&
         (eax & kAvxVnni) != 0;
}
#else
bool CpuHasAvx2() { return false; }
bool CpuHasAvx512() { return false; }
bool CpuHasAvx512Bf16() { return false; }
bool CpuHasAvx512Vnni() { return false; }
bool CpuHasAvxVnni() { return false; }
#endif

}  // namespace snapvit
