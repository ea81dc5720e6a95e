#include "core/kernels/aligned.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace snapvit {
namespace {

constexpr std::align_val_t kCacheLine{64};
constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLarge = size_t{1} << 20;

// From a multiple of a huge page on.
void* MapLarge(size_t bytes) {
  void* const mapped = mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, /*fd=*/-1, /*offset=*/0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  const auto at = reinterpret_cast<uintptr_t>(mapped);
  const size_t before = (kHugePage - at % kHugePage) % kHugePage;
  char* const memory = static_cast<char*>(mapped) + before;
  const size_t pages = (bytes + kPage - 1) / kPage * kPage;
  if (before > 0) munmap(mapped, before);
  munmap(memory + pages, kHugePage - before);
  madvise(memory, bytes, MADV_HUGEPAGE);  // where there are none it fails, and nothing is lost
  return memory;
}

}  // namespace

void* AllocateAligned(size_t bytes) {
  return bytes < kLarge ? ::operator new(bytes, kCacheLine) : MapLarge(bytes);
}

void FreeAligned(void* memory, size_t bytes) {
  if (bytes < kLarge) return ::operator delete(memory, kCacheLine);
  munmap(memory, bytes);
}

}  // namespace snapvit
