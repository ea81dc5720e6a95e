#include "core/kernels/kernels.h"

#include <vector>

#include "core/kernels/cpu.h"
#include "core/kernels/kernels_amx.h"
#include "core/kernels/kernels_avx2.h"
#include "core/kernels/kernels_avx512.h"
#include "core/kernels/kernels_int8.h"

namespace snapvit {
namespace {

template <typename T>
using Tables = std::vector<const Kernels<T>*>;

Tables<BFloat16Bits> BFloat16Tables() {
  Tables<BFloat16Bits> tables;
#if defined(__x86_64__)
  if (CpuHasAvx512() && CpuHasAvx512Bf16()) {
    if (CpuHasAmxBf16()) tables.push_back(&AmxBf16Kernels());
    tables.push_back(&Avx512Bf16Kernels());
  }
#endif
  return tables;
}

Tables<float> FloatTables() {
  Tables<float> tables;
#if defined(__x86_64__)
  if (CpuHasAvx512()) tables.push_back(&Avx512Kernels());
  if (CpuHasAvx2()) tables.push_back(&Avx2Kernels());
#endif
  return tables;
}

template <typename T>
using Int8Tables = std::vector<const Int8Kernels<T>*>;

Int8Tables<BFloat16Bits> Int8ToBFloat16Tables() {
  Int8Tables<BFloat16Bits> tables;
#if defined(__x86_64__)
  if (AllCpuKernels<BFloat16Bits>().empty()) return tables;
  if (CpuHasAmxInt8()) tables.push_back(&AmxInt8Kernels());
  if (CpuHasAvx512Vnni()) tables.push_back(&Avx512VnniBf16Kernels());
#endif
  return tables;
}

Int8Tables<float> Int8ToFloatTables() {
  Int8Tables<float> tables;
#if defined(__x86_64__)
  if (CpuHasAvx512Vnni()) tables.push_back(&Avx512VnniKernels());
  if (CpuHasAvxVnni()) tables.push_back(&AvxVnniKernels());
#endif
  return tables;
}

}  // namespace

template <>
std::span<const Kernels<BFloat16Bits>* const> AllCpuKernels() {
  static const auto& tables = *new Tables<BFloat16Bits>(BFloat16Tables());
  return tables;
}
template <>
std::span<const Kernels<float>* const> AllCpuKernels() {
  static const auto& tables = *new Tables<float>(FloatTables());
  return tables;
}
template <>
std::span<const Int8Kernels<BFloat16Bits>* const> AllCpuInt8Kernels() {
  static const auto& tables = *new Int8Tables<BFloat16Bits>(Int8ToBFloat16Tables());
  return tables;
}
template <>
std::span<const Int8Kernels<float>* const> AllCpuInt8Kernels() {
  static const auto& tables = *new Int8Tables<float>(Int8ToFloatTables());
  return tables;
}

}  // namespace snapvit
